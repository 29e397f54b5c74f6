// Memory of the device. What TVM holds as a data pointer is the address of a Buffer; places within it are offsets.
#pragma once

#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/optional.h>

#include <cstddef>

#include "context.h"

namespace lab {

struct Buffer {
  cl_mem memory = nullptr;
  size_t bytes = 0;
  bool is_host = false;                            // over the host's memory
  tvm::ffi::Optional<tvm::ffi::Tensor> host = {};  // which is this tensor's
};

// The error names both sizes where it is more than the device gives, or than it has left.
Buffer* allocate(Context& context, size_t bytes);

// The device reads `bytes` at `host` in their place; null where it can't.
Buffer* allocate_over(Context& context, void* host, size_t bytes);

// Commands that use it and are under way still find it. Never throws.
void release(Buffer* buffer) noexcept;

void write_buffer(Context& context, Buffer* to, size_t offset, const void* from, size_t bytes);
void read_buffer(Context& context, const Buffer* from, size_t offset, void* to, size_t bytes);  // waits
void copy_buffer(Context& context, const Buffer* from, size_t from_offset, Buffer* to, size_t to_offset, size_t bytes);

}  // namespace lab
