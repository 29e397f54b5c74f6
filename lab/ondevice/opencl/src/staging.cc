#include "staging.h"

#include <cstring>
#include <utility>

namespace lab {

cl_int Staging::write(const Cl& cl, cl_command_queue queue, cl_mem to, size_t offset, const void* from,
                      size_t bytes) {
  drop_finished(cl);
  Held held{std::make_unique<char[]>(bytes), bytes, nullptr};
  std::memcpy(held.bytes.get(), from, bytes);
  cl_int code = cl.clEnqueueWriteBuffer(queue, to, CL_FALSE, offset, bytes, held.bytes.get(), 0, nullptr, &held.event);
  if (code != CL_SUCCESS) return code;
  held_ += bytes;
  writes_.push_back(std::move(held));
  return code;
}

void Staging::clear(const Cl& cl) {
  while (!writes_.empty()) drop_front(cl);
}

void Staging::drop_front(const Cl& cl) {
  cl.clReleaseEvent(writes_.front().event);
  held_ -= writes_.front().size;
  writes_.pop_front();
}

void Staging::drop_finished(const Cl& cl) {
  while (!writes_.empty()) {
    cl_int status = CL_QUEUED;
    cl_event event = writes_.front().event;
    cl_int code = cl.clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(status), &status, nullptr);
    if (code != CL_SUCCESS || status > CL_COMPLETE) return;
    drop_front(cl);
  }
}

}  // namespace lab
