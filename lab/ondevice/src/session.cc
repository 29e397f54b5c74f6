#include "session.h"

#include <algorithm>
#include <utility>

#include "call.h"
#include "host_tensor.h"
#include "placed.h"
#include "signals.h"

namespace lab {
namespace {

ffi::Tensor id_tensor(int64_t count) {
  return host_tensor(ffi::ShapeView(&count, 1), DLDataType{kDLInt, 32, 1});
}

int32_t* ids_of(const ffi::Tensor& tensor) { return static_cast<int32_t*>(tensor.data_ptr()); }

}  // namespace

Session::Session(const Model& model, int64_t context, int64_t chunk, int64_t outputs)
    : model_(model),
      kv_(model.create_kv(context, chunk)),
      one_id_(id_tensor(1)),
      logits_(one_id_),
      chunk_(chunk),
      outputs_(outputs) {}

void Session::clear() {
  static const ffi::Function clear = global_function("vm.builtin.kv_state_clear");
  static const ffi::Function add_sequence = global_function("vm.builtin.kv_state_add_sequence");
  call("kv cache", clear, kv_);
  call("kv cache", add_sequence, kv_, int64_t{0});
  tokens_ = 0;
}

const float* Session::prefill(const int32_t* first, const int32_t* last) {
  const float* logits = nullptr;
  while (first != last) {
    check_interrupt();
    int64_t count = std::min<int64_t>(chunk_, last - first);
    ffi::Tensor ids = id_tensor(count);
    std::copy(first, first + count, ids_of(ids));
    logits = keep(model_.prefill(kv_, on_device(ids)), count);
    first += count;
  }
  return logits;
}

const float* Session::prefill_image(const ffi::Tensor& image, const int32_t* first, const int32_t* last) {
  int64_t positions = image.size(0), count = std::min<int64_t>(chunk_ - positions, last - first);
  if (count < 1) throw Failure("image", "is larger than a chunk of the prompt");  // a bug: see load_bundle
  ffi::Tensor ids = id_tensor(count);
  std::copy(first, first + count, ids_of(ids));
  const float* logits = keep(model_.prefill_image(kv_, image, on_device(ids)), positions + count);
  return first + count == last ? logits : prefill(first + count, last);
}

const float* Session::decode(int32_t id) {
  *ids_of(one_id_) = id;
  return keep(model_.decode(kv_, on_device(one_id_)), 1);
}

// The same tensor on the processor; elsewhere a copy is begun, and the caller waits for the logits that come of it.
ffi::Tensor Session::on_device(const ffi::Tensor& ids) {
  if (model_.device().device_type == kDLCPU) return ids;
  if (!placed_ids_ || placed_ids_->size(0) != ids.size(0)) {
    placed_ids_ = empty_on(model_.device(), ids.shape(), ids.dtype());
  }
  ids_ = ids;
  copy(*ids_, *placed_ids_);
  return *placed_ids_;
}

const float* Session::keep(ffi::Tensor logits, int64_t fed) {
  tokens_ += fed;
  most_tokens_ = std::max(most_tokens_, tokens_);
  bool floats = logits.dtype().code == kDLFloat && logits.dtype().bits == 32 && logits.dtype().lanes == 1;
  if (!floats || logits.numel() != outputs_ || logits.device().device_type != model_.device().device_type || !logits.IsContiguous()) {
    throw Failure("forward", "the logits are not " + std::to_string(outputs_) + " float32 values of one position");
  }
  logits_ = std::move(logits);
  if (model_.device().device_type != kDLCPU) {
    copied_logits_.resize(static_cast<size_t>(outputs_));
    copy_to_host(logits_, copied_logits_.data());
    return copied_logits_.data();
  }
  return static_cast<const float*>(logits_.data_ptr()) + logits_.byte_offset() / sizeof(float);
}

int32_t Session::argmax(const float* logits) const {
  return static_cast<int32_t>(std::max_element(logits, logits + outputs_) - logits);
}

}  // namespace lab
