#include "buffers.h"

#include <algorithm>
#include <memory>
#include <string>

#include "failure.h"

namespace lab {
namespace {

constexpr size_t kBlockBytes = 16 << 20;  // of large copies: some drivers mirror a whole one in host memory

std::string size_text(uint64_t bytes) { return std::to_string(bytes) + " bytes"; }

void check_size(const Context& context, size_t bytes) {
  const Facts& facts = context.facts;
  if (bytes > facts.max_alloc_bytes) {
    fail("a buffer of " + size_text(bytes) + " is more than " + facts.device + " gives at once, " +
         size_text(facts.max_alloc_bytes) + " (CL_DEVICE_MAX_MEM_ALLOC_SIZE)");
  }
  uint64_t held = static_cast<uint64_t>(context.stats.alloc_bytes);
  if (held + bytes > facts.global_bytes) {
    fail("no memory for " + size_text(bytes) + ": " + size_text(held) + " are in use, and " + facts.device + " has " +
         size_text(facts.global_bytes) + " (CL_DEVICE_GLOBAL_MEM_SIZE)");
  }
}

void check_inside(const Buffer* buffer, size_t offset, size_t bytes) {
  if (buffer != nullptr && offset <= buffer->bytes && bytes <= buffer->bytes - offset) return;
  fail("copy of " + size_text(bytes) + " at offset " + std::to_string(offset) + " is outside its buffer of " +
       size_text(buffer == nullptr ? 0 : buffer->bytes));
}

}  // namespace

Buffer* allocate(Context& context, size_t bytes) {
  Lock lock(context.mutex);
  context.check_alive();
  check_size(context, bytes);
  cl_int code = CL_SUCCESS;
  auto buffer = std::make_unique<Buffer>();
  buffer->bytes = bytes;
  size_t real = std::max<size_t>(bytes, 1);  // OpenCL has no empty buffers, TVM has empty tensors
  buffer->memory = context.cl().clCreateBuffer(context.handle, CL_MEM_READ_WRITE, real, nullptr, &code);
  if (code != CL_SUCCESS) {
    fail("a buffer of " + size_text(bytes) + " beside " + size_text(context.stats.alloc_bytes) + " in use: " +
         code_name(code));
  }
  context.stats.alloc_bytes += bytes;
  context.stats.alloc_peak_bytes = std::max(context.stats.alloc_peak_bytes, context.stats.alloc_bytes);
  return buffer.release();
}

Buffer* allocate_over(Context& context, void* host, size_t bytes) {
  Lock lock(context.mutex);
  context.check_alive();
  cl_int code = CL_SUCCESS;
  auto buffer = std::make_unique<Buffer>();
  buffer->bytes = bytes;
  buffer->is_host = true;
  cl_mem_flags flags = CL_MEM_READ_ONLY | CL_MEM_USE_HOST_PTR;
  buffer->memory = context.cl().clCreateBuffer(context.handle, flags, bytes, host, &code);
  if (code != CL_SUCCESS) return nullptr;
  context.stats.zero_copy_bytes += bytes;
  return buffer.release();
}

void release(Buffer* buffer) noexcept {
  if (buffer == nullptr) return;
  Context& of = context();
  Lock lock(of.mutex);
  of.cl().clReleaseMemObject(buffer->memory);
  if (!buffer->is_host) of.stats.alloc_bytes -= buffer->bytes;
  delete buffer;
}

void write_buffer(Context& context, Buffer* to, size_t offset, const void* from, size_t bytes) {
  Lock lock(context.mutex);
  context.check_alive();
  check_inside(to, offset, bytes);
  if (bytes == 0) return;
  const Cl& cl = context.cl();
  std::string what = "write of " + size_text(bytes);
  context.stats.to_device_bytes += bytes;
  if (context.staging.takes(bytes)) {
    context.check_command(context.staging.write(cl, context.queue, to->memory, offset, from, bytes), what);
    return;
  }
  for (size_t done = 0; done < bytes; done += kBlockBytes) {
    size_t block = std::min(kBlockBytes, bytes - done);
    const char* source = static_cast<const char*>(from) + done;
    cl_int code = cl.clEnqueueWriteBuffer(context.queue, to->memory, CL_TRUE, offset + done, block, source, 0,
                                          nullptr, nullptr);
    context.check_wait(code, what);
  }
  context.drained();
}

void read_buffer(Context& context, const Buffer* from, size_t offset, void* to, size_t bytes) {
  Lock lock(context.mutex);
  context.check_alive();
  check_inside(from, offset, bytes);
  if (bytes == 0) return;
  cl_int code = context.cl().clEnqueueReadBuffer(context.queue, from->memory, CL_TRUE, offset, bytes, to, 0, nullptr,
                                                 nullptr);
  context.check_wait(code, "read of " + size_text(bytes));
  context.stats.from_device_bytes += bytes;
  context.drained();
}

void copy_buffer(Context& context, const Buffer* from, size_t from_offset, Buffer* to, size_t to_offset,
                 size_t bytes) {
  Lock lock(context.mutex);
  context.check_alive();
  check_inside(from, from_offset, bytes);
  check_inside(to, to_offset, bytes);
  if (bytes == 0) return;
  cl_int code = context.cl().clEnqueueCopyBuffer(context.queue, from->memory, to->memory, from_offset, to_offset,
                                                 bytes, 0, nullptr, nullptr);
  context.check_command(code, "copy of " + size_text(bytes) + " on the device");
}

}  // namespace lab
