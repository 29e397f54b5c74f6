#include "runtime.h"

#include <dlfcn.h>
#include <tvm/ffi/c_api.h>

#include <cstdlib>

#include "build_id.h"
#include "call.h"
#include "cpu.h"
#include "pool.h"

namespace lab {
namespace {

using ParallelLaunch = int (*)(ParallelLambda, void*, int);

// TVM's pool takes half the cores unless told otherwise, and it reads the variables when its first parallel
// kernel runs.
//
// By default it ties worker i to core i, fastest cores first: that keeps work off a phone's little cores. But TVM
// counts cores from 0 and knows nothing of an affinity mask or a container that allows only some of them, nor of more
// threads than cores: then it is left to the kernel.
bool set_threads(int threads) {
  bool bound = cores_count_from_zero() && threads <= usable_cores();
  setenv("TVM_NUM_THREADS", std::to_string(threads).c_str(), 1);
  setenv("TVM_BIND_THREADS", bound ? "1" : "0", 1);
  return bound;
}

// A compiled library calls parallel loops through a pointer of its own, which TVM sets when it loads it.
bool use_our_pool(const std::string& library, int threads) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (handle == nullptr) return false;
  auto slot = static_cast<ParallelLaunch*>(dlsym(handle, "__TVMBackendParallelLaunch"));
  bool barriers = dlsym(handle, "__TVMBackendParallelBarrier") != nullptr;  // pieces that wait for each other: TVM's
  if (slot != nullptr && !barriers) {
    start_pool(threads);
    *slot = launch;
  }
  dlclose(handle);
  return slot != nullptr && !barriers;
}

std::string engine_name(const std::string& path) {
  TVMFFIVersion version = {};
  TVMFFIGetVersion(&version);
  std::string ffi_version = std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
                            std::to_string(version.patch);
  std::string id = build_id(path);
  return "tvm (ffi " + ffi_version + (id.empty() ? "" : ", runtime build " + id) + ")";
}

}  // namespace

std::string load_runtime(const std::string& path) {
  // Global, so that the model library finds the runtime's symbols; relative names must not be searched for.
  std::string place = path.find('/') == std::string::npos ? "./" + path : path;
  if (dlopen(place.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) throw Failure("runtime", dlerror());
  return engine_name(place);
}

Runtime without_threads(const std::string& engine, int threads) {
  setenv("TVM_NUM_THREADS", "1", 1);
  setenv("TVM_BIND_THREADS", "0", 1);
  return {engine, "none", threads, false};
}

Runtime start_threads(const std::string& engine, const std::string& path, int threads) {
  if (use_our_pool(path, threads)) return {engine, "lab", threads, false};
  Runtime runtime{engine, "tvm", 0, set_threads(threads)};
  // Starts the pool, here in the main thread: it belongs to the thread that starts it.
  runtime.threads = call<int>("runtime", global_function("runtime.NumThreads"));
  if (runtime.threads != threads) {
    throw Failure("runtime", "asked for " + std::to_string(threads) + " threads, but the runtime took " +
                                 std::to_string(runtime.threads));
  }
  return runtime;
}

}  // namespace lab
