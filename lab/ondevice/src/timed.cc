#include "timed.h"

#include "clock.h"
#include "signals.h"

namespace lab {

Timeline::Timeline(int64_t generate, int64_t kept_logits) {
  token_ns.reserve(static_cast<size_t>(generate));
  token_ids.reserve(static_cast<size_t>(generate));
  logits.reserve(static_cast<size_t>(kept_logits));
}

namespace {

std::optional<tvm::ffi::Tensor> encoded_image(const Session& session, const Work& work, Timeline& timeline) {
  if (!work.pixels) return std::nullopt;
  int64_t start = now_ns();
  tvm::ffi::Tensor image = session.encode_image(*work.pixels);
  timeline.image_ns = now_ns() - start;
  timeline.image_positions = image.size(0);
  return image;
}

}  // namespace

void run_timed(Session& session, const Work& work, Timeline& timeline) {
  const int32_t* prompt = work.ids.data() + work.depth;
  session.clear();
  session.prefill(work.ids.data(), prompt);
  check_interrupt();
  std::optional<tvm::ffi::Tensor> image = encoded_image(session, work, timeline);
  check_interrupt();
  if (work.counts != nullptr) work.counts->before();
  timeline.submit_ns = now_ns();
  const int32_t* end = work.ids.data() + work.ids.size();
  const float* logits = image ? session.prefill_image(*image, prompt, end) : session.prefill(prompt, end);
  while (true) {
    int32_t id = session.argmax(logits);
    timeline.token_ns.push_back(now_ns());
    timeline.token_ids.push_back(id);
    if (work.keep_logits) timeline.logits.insert(timeline.logits.end(), logits, logits + session.outputs());
    if (static_cast<int64_t>(timeline.token_ids.size()) == work.generate) return;
    if (work.counts != nullptr && timeline.token_ids.size() == 1) work.counts->first_token();
    if (work.generate == 0) return;
    check_interrupt();
    logits = session.decode(id);
  }
}

}  // namespace lab
