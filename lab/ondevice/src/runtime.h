// The TVM runtime: loaded by path, with its thread pool told how many threads to use.
#pragma once

#include <string>

namespace lab {

struct Runtime {
  std::string engine;  // what was really loaded, for the record
  int threads = 0;     // as the runtime itself reports
  bool bound = false;  // whether its threads are tied to cores
};

// Loads `path` once for the process. Throws Failure when it cannot be loaded or does not take `threads`.
Runtime load_runtime(const std::string& path, int threads);

}  // namespace lab
