// A compiled model library and what its functions are called with: MLC-LLM's model-library ABI.
#pragma once

#include <tvm/ffi/container/array.h>
#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/extra/module.h>
#include <tvm/ffi/function.h>

#include <cstdint>
#include <string>

#include "manifest.h"

namespace lab {

constexpr int64_t kPageSize = 16;  // tokens in a page of the KV cache

class Model {
 public:
  // Loads the library at `path`; `params` are the weights in the order of `tensors`. Throws Failure when the
  // library's own list of parameters says otherwise.
  // `device` is where it computes, and where `params` lie.
  Model(const std::string& path, DLDevice device, tvm::ffi::Array<tvm::ffi::Tensor> params,
        const std::vector<TensorSpec>& tensors);

  DLDevice device() const { return device_; }
  const std::string& isa() const { return isa_; }                // "" when the library does not say
  const std::string& metadata_json() const { return metadata_; }  // without the list of parameters

  // An empty cache for one sequence of up to `context` tokens, fed at most `chunk` at a time.
  tvm::ffi::ObjectRef create_kv(int64_t context, int64_t chunk) const;

  // A network that judges texts has no decode step.
  bool decodes() const { return decode_ != nullptr; }

  // Both run one forward pass over int32 ids [n], which lie on the device, and return the outputs at its last position,
  // [1, 1, logits or scores] float32.
  tvm::ffi::Tensor prefill(const tvm::ffi::ObjectRef& kv, const tvm::ffi::Tensor& ids) const;
  tvm::ffi::Tensor decode(const tvm::ffi::ObjectRef& kv, const tvm::ffi::Tensor& ids) const;

  // What stands for an image in a prompt, float32 [positions, hidden], of its patches, float32 [rows, columns]. Both lie in
  // the memory of the processor, wherever it computes.
  tvm::ffi::Tensor encode_image(const tvm::ffi::Tensor& pixels) const;

  // As prefill, of an image as `encode_image` made it and of ids [n] after it, which lie on the device.
  tvm::ffi::Tensor prefill_image(const tvm::ffi::ObjectRef& kv, const tvm::ffi::Tensor& image,
                                 const tvm::ffi::Tensor& ids) const;

 private:
  tvm::ffi::Function function(const char* name) const;
  tvm::ffi::Function function_or_null(const char* name) const;
  void read_metadata(const std::vector<TensorSpec>& tensors);
  tvm::ffi::Tensor embed(const tvm::ffi::Tensor& ids) const;  // [1, n, hidden]
  tvm::ffi::Tensor forward(const tvm::ffi::Function& step, const tvm::ffi::ObjectRef& kv,
                           const tvm::ffi::Tensor& hidden) const;

  DLDevice device_;
  tvm::ffi::Module library_, vm_;
  tvm::ffi::Array<tvm::ffi::Tensor> params_;
  tvm::ffi::Function embed_, prefill_, decode_, create_kv_, begin_forward_, end_forward_;
  std::string isa_, metadata_;
  int64_t chunk_max_ = INT64_MAX;
};

}  // namespace lab
