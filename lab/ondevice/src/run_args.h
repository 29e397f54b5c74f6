// The command line of `lab-bench run`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gpu_args.h"

namespace lab {

struct RunArgs {
  std::string bundle, runtime, ids_file, image_file, logits_file;
  int64_t prompt = 0, generate = 0, depth = 0, context = 0, prefill_chunk = 0, threads = 0;  // tokens; threads
  int64_t seed = 0, warmup_cap = 0, memory_interval_ms = 0;
  double warmup_spread = 0;
  bool verify = false;
  GpuArgs gpu;
};

// Throws UsageError.
RunArgs parse_run_args(const std::vector<std::string>& args);

}  // namespace lab
