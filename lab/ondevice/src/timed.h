// The timed part: a prompt in, tokens out, one stamp a token. Nothing is written and nothing grows in it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gpu_counts.h"
#include "session.h"

namespace lab {

struct Timeline {
  int64_t submit_ns = -1;  // -1: never got so far
  std::vector<int64_t> token_ns;
  std::vector<int32_t> token_ids;
  int64_t image_ns = -1, image_positions = 0;  // what encoding the image took, and what it takes; -1: there was none
  std::vector<float> logits;  // [tokens, outputs], only where asked for

  Timeline(int64_t generate, int64_t kept_logits);  // reserves room for all it will hold
};

struct Work {
  std::vector<int32_t> ids;  // depth, then prompt
  std::optional<tvm::ffi::Tensor> pixels;  // the image that comes before the prompt
  int64_t depth = 0;         // tokens fed before the clock starts
  int64_t generate = 1;      // tokens to make; the end-of-text token ends nothing. 0: the prompt is judged
  bool keep_logits = false;
  GpuCounts* counts = nullptr;
};

// Fills `timeline` as it goes, so that what was done before an interruption is there. A judgement has one stamp, of when
// the scores were there, with the best label.
void run_timed(Session& session, const Work& work, Timeline& timeline);

}  // namespace lab
