#include "gpu_args.h"

#include "failure.h"

namespace lab {

GpuArgs read_gpu_args(const Flags& flags) {
  GpuArgs args;
  args.kind = flags.text("device", "cpu");
  args.plugin = flags.text("plugin", "");
  args.options = flags.text("gpu-options", "{}");
  args.profile = flags.has("profile");
  if (args.kind != "cpu" && args.kind != "opencl" && args.kind != "metal") {
    throw UsageError("--device must be cpu, opencl or metal, not '" + args.kind + "'");
  }
  bool gpu = args.kind != "cpu";
  if (gpu && args.plugin.empty()) throw UsageError("--device " + args.kind + " needs --plugin");
  if (!gpu && (!args.plugin.empty() || args.profile || flags.has("gpu-options"))) {
    throw UsageError("--plugin, --gpu-options and --profile are of a GPU: give --device too");
  }
  return args;
}

}  // namespace lab
