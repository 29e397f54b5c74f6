#include "context.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "choice.h"
#include "failure.h"

namespace lab {
namespace {

constexpr int kFlushEvery = 32;  // launches: the device works while the rest are still being put in

std::mutex opening;
Context* opened = nullptr;
std::string refused;  // why the last opening failed

// After these nothing works until the process ends. Drivers say CL_OUT_OF_RESOURCES of a launch that is too large, too:
// only of work that has begun does it mean a device that gave up.
bool is_loss(cl_int code, bool has_waited) {
  switch (code) {
    case CL_OUT_OF_RESOURCES:
      return has_waited;
    case CL_DEVICE_NOT_AVAILABLE:
    case CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST:
    case CL_INVALID_CONTEXT:
    case CL_INVALID_COMMAND_QUEUE:
      return true;
    default:
      return false;
  }
}

void check_cache_dir(const std::string& folder) {
  if (folder.empty()) return;
  bool made = mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST;
  if (made && access(folder.c_str(), R_OK | W_OK | X_OK) == 0) return;
  fail("cache_dir " + printable(folder, 400) + ": cannot be used: " + std::strerror(errno));
}

Context* make(const Options& options) {
  check_cache_dir(options.cache_dir);
  auto made = std::make_unique<Context>();
  made->options = options;
  made->library = open_library(options.library);
  Choice choice = choose_device(made->library, options.device);
  made->facts = read_facts(made->cl(), choice.platform, choice.device);
  made->device = choice.device;
  std::string on = " on " + made->facts.device;
  const cl_context_properties properties[] = {
      CL_CONTEXT_PLATFORM, reinterpret_cast<cl_context_properties>(choice.platform), 0};
  cl_int code = CL_SUCCESS;
  made->handle = made->cl().clCreateContext(properties, 1, &choice.device, nullptr, nullptr, &code);
  check(code, ("context" + on).c_str());
  cl_command_queue_properties timed = options.profile ? CL_QUEUE_PROFILING_ENABLE : 0;
  made->queue = made->cl().clCreateCommandQueue(made->handle, choice.device, timed, &code);
  check(code, ("command queue" + on).c_str());
  return made.release();
}

}  // namespace

void Context::check_alive() const {
  if (!lost.empty()) fail("the device was lost before: " + lost);
}

void Context::check_queue(cl_int code, const std::string& what, bool has_waited) {
  if (code == CL_SUCCESS) return;
  std::string message = what + ": " + code_name(code);
  if (is_loss(code, has_waited)) {
    if (!last_kernel.empty()) message += "; the last kernel launched was " + last_kernel;
    lost = message;
  }
  fail(message);
}

void Context::finish() {
  check_alive();
  check_wait(cl().clFinish(queue), "waiting for " + facts.device);
  drained();
}

void Context::launched(const std::string& kernel, cl_event event) {
  last_kernel = kernel;
  stats.launches += 1;
  if (event != nullptr) profile.add(kernel, event);
  if (profile.is_full()) return finish();
  if (++unflushed < kFlushEvery) return;
  unflushed = 0;
  check_command(cl().clFlush(queue), "start of the kernels up to " + kernel);
}

void Context::drained() {
  unflushed = 0;
  staging.clear(cl());
  profile.collect(cl());
}

Context& context() {
  std::lock_guard<std::mutex> lock(opening);
  if (opened == nullptr && !refused.empty()) throw Failure(refused);
  if (opened == nullptr) opened = make(Options{});
  return *opened;
}

Context& open_context(const std::string& options) {
  std::lock_guard<std::mutex> lock(opening);
  if (opened != nullptr) fail("is open already, with " + opened->facts.device + "; lab.opencl.open comes first");
  try {
    opened = make(parse_options(options));
  } catch (const std::exception& problem) {
    refused = problem.what();
    throw;
  }
  return *opened;
}

}  // namespace lab
