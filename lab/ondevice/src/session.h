// One sequence in one KV cache: feed ids, get the logits of the last position.
#pragma once

#include <tvm/ffi/container/tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "model.h"

namespace lab {

class Session {
 public:
  Session(const Model& model, int64_t context, int64_t chunk, int64_t outputs);

  void clear();  // forgets every token; the cache's memory stays

  // Feeds ids [first, last) in chunks, asking between them whether to stop. Logits: `outputs` floats, valid
  // until the next call.
  const float* prefill(const int32_t* first, const int32_t* last);
  const float* decode(int32_t id);

  // As prefill, of an image as the model encoded it and of ids after it.
  const float* prefill_image(const tvm::ffi::Tensor& image, const int32_t* first, const int32_t* last);
  tvm::ffi::Tensor encode_image(const tvm::ffi::Tensor& pixels) const { return model_.encode_image(pixels); }

  int64_t most_tokens() const { return most_tokens_; }  // ever in the cache at once
  int64_t outputs() const { return outputs_; }
  bool decodes() const { return model_.decodes(); }

  // The most likely next id, or the best label; the lowest of equals.
  int32_t argmax(const float* logits) const;

 private:
  const float* keep(tvm::ffi::Tensor logits, int64_t fed);
  tvm::ffi::Tensor on_device(const tvm::ffi::Tensor& ids);

  const Model& model_;
  tvm::ffi::ObjectRef kv_;
  tvm::ffi::Tensor one_id_, logits_;
  std::optional<tvm::ffi::Tensor> ids_, placed_ids_;  // what the device reads from, and what it reads
  std::vector<float> copied_logits_;                  // of a device that is not the processor
  int64_t chunk_, outputs_, tokens_ = 0, most_tokens_ = 0;
};

}  // namespace lab
