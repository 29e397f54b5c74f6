// The TVM runtime, loaded by path, and the threads that a library's kernels run on.
#pragma once

#include <string>

namespace lab {

struct Runtime {
  std::string engine;  // what was really loaded, for the record
  std::string pool;    // whose threads run the kernels: "lab", "tvm", or "none" on a GPU
  int threads = 0;     // as the pool itself reports
  bool bound = false;  // whether its threads are tied to cores
};

// Loads `path` once for the process and returns what it is. Throws Failure when it cannot be loaded.
std::string load_runtime(const std::string& path);

// For a library whose kernels run on a GPU: no threads are started, and none are tied to a core, which a driver's own
// would inherit. `threads` is what was asked for.
Runtime without_threads(const std::string& engine, int threads);

// Gives the kernels of the library at `path`, which is loaded, `threads` threads. Throws Failure when they can't be
// had.
Runtime start_threads(const std::string& engine, const std::string& path, int threads);

}  // namespace lab
