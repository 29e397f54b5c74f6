// A bundle made ready to run: checked, loaded, mapped.
#pragma once

#include <tvm/ffi/container/array.h>

#include <memory>

#include "cpu.h"
#include "gpu.h"
#include "manifest.h"
#include "model.h"
#include "run_args.h"
#include "runtime.h"
#include "session.h"

namespace lab {

struct Loaded {
  Manifest manifest;
  CpuFacts cpu;
  Runtime runtime;
  std::unique_ptr<Gpu> gpu;                                 // null: the processor computes
  tvm::ffi::Array<tvm::ffi::Tensor> host_weights;           // what the device may use where it lies
  int64_t weights_alloc_bytes = 0;                          // of the driver's buffers after the weights came
  std::unique_ptr<Model> model;
  std::unique_ptr<Session> session;
  int64_t kv_bytes = 0;  // what the cache of the asked-for context holds
  int64_t load_ns = 0;
};

// Everything from the manifest to an empty KV cache. Throws Failure; a CPU that lacks a feature is refused before
// the library is opened.
Loaded load_bundle(const RunArgs& args);

void emit_loaded(const Loaded& loaded);

}  // namespace lab
