// A GPU, reached through a plug-in of the runtime: opened, asked, and told from the processor by everything else.
#pragma once

#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/function.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gpu_args.h"

namespace lab {

// Counts since the device was opened; they only grow.
struct GpuStats {
  int64_t launches = 0;
  int64_t alloc_bytes = 0;       // lie in buffers of the driver's now
  int64_t alloc_peak_bytes = 0;  // the most that ever did
  int64_t zero_copy_bytes = 0;   // used where they lie in host memory
  std::string json;              // all that the plug-in counts
};

class Gpu {
 public:
  // Loads the plug-in and opens the device; the runtime is loaded by then. Throws Failure of part "opencl" or "metal".
  explicit Gpu(const GpuArgs& args);

  DLDevice device() const { return device_; }
  const std::string& kind() const { return kind_; }    // "opencl" or "metal"
  const std::string& facts() const { return facts_; }  // what the driver says of the device, as JSON
  std::string name() const;

  // Whether the device has an extension; nothing where it does not list them.
  std::optional<bool> has_extension(const std::string& name) const;

  // The tensor on the device. One that is used where it lies needs `host` to stay; of one that was copied the pages of
  // `host`, which are a file's, are let go.
  tvm::ffi::Tensor place(const tvm::ffi::Tensor& host) const;

  // Nothing where the plug-in does not count.
  std::optional<GpuStats> stats() const;
  // Kernels by event timers since the last call: a JSON list, empty unless it was asked for when the device was opened.
  std::string profile() const;

 private:
  tvm::ffi::Tensor copied(const tvm::ffi::Tensor& host) const;

  std::string kind_, facts_;
  DLDevice device_;
  std::optional<tvm::ffi::Function> place_, stats_, profile_;
};

// The GPU that `args` ask for, or null where they ask for the processor.
std::unique_ptr<Gpu> open_gpu(const GpuArgs& args);

}  // namespace lab
