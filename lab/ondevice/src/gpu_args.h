// Which device a command is to use, and how to reach it.
#pragma once

#include <string>

#include "flags.h"

namespace lab {

struct GpuArgs {
  std::string kind = "cpu";  // "cpu", "opencl" or "metal"
  std::string plugin;        // path of the library that brings the device to the runtime
  std::string options;       // JSON for the plug-in
  bool profile = false;      // kernels by event timers
};

// Reads --device, --plugin, --gpu-options and --profile; throws UsageError.
GpuArgs read_gpu_args(const Flags& flags);

}  // namespace lab
