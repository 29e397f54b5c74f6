#include "place.h"

#include "buffers.h"
#include "failure.h"

namespace lab {
namespace {

namespace ffi = tvm::ffi;

// Cache lines: a driver that shares memory needs whole ones, or it writes over what lies beside.
constexpr size_t kLineBytes = 64;

struct Placed {
  Buffer* buffer;
  void AllocData(DLTensor* tensor) { tensor->data = buffer; }
  void FreeData(DLTensor*) { release(buffer); }
};

void check_tensor(const Context& context, const ffi::Tensor& tensor, size_t bytes) {
  if (tensor.device().device_type != kDLCPU) fail("place: the tensor is not in the host's memory");
  if (!tensor.IsContiguous()) fail("place: the tensor is not in one piece");
  if (bytes > context.facts.max_alloc_bytes) {
    fail("place: a tensor of " + std::to_string(bytes) + " bytes is more than " + context.facts.device +
         " gives at once, " + std::to_string(context.facts.max_alloc_bytes) +
         " bytes (CL_DEVICE_MAX_MEM_ALLOC_SIZE)");
  }
}

bool is_shareable(const Context& context, const void* data, size_t bytes) {
  size_t align = context.facts.align_bytes > kLineBytes ? context.facts.align_bytes : kLineBytes;
  bool aligned = reinterpret_cast<uintptr_t>(data) % align == 0;
  return context.options.zero_copy && context.facts.unified_memory && aligned && bytes > 0;
}

Buffer* buffer_for(Context& context, const ffi::Tensor& host, void* data, size_t bytes) {
  Buffer* shared = is_shareable(context, data, bytes) ? allocate_over(context, data, bytes) : nullptr;
  if (shared != nullptr) {
    shared->host = host;
    return shared;
  }
  Buffer* buffer = allocate(context, bytes);
  try {
    write_buffer(context, buffer, 0, data, bytes);
  } catch (...) {
    release(buffer);
    throw;
  }
  return buffer;
}

}  // namespace

ffi::Tensor place(Context& context, ffi::Tensor host) {
  size_t bytes = ffi::GetDataSize(host);
  check_tensor(context, host, bytes);
  void* data = static_cast<char*>(host.data_ptr()) + host.byte_offset();
  Buffer* buffer = buffer_for(context, host, data, bytes);
  return ffi::Tensor::FromNDAlloc(Placed{buffer}, host.shape(), host.dtype(), DLDevice{kDLOpenCL, 0});
}

}  // namespace lab
