#include "warmup.h"

#include <algorithm>

#include "clock.h"
#include "signals.h"

namespace lab {
namespace {

constexpr int64_t kPrompt = 16, kDecodes = 4;

}  // namespace

WarmupRound warmup_round(Session& session, const std::vector<int32_t>& ids, int64_t context) {
  int64_t prompt = std::min({kPrompt, static_cast<int64_t>(ids.size()), std::max<int64_t>(context - kDecodes, 1)});
  int64_t decodes = session.decodes() ? std::min(kDecodes, context - prompt) : 0;
  WarmupRound round;
  session.clear();
  int64_t start = now_ns();
  const float* logits = session.prefill(ids.data(), ids.data() + prompt);
  int64_t last = now_ns();
  round.prefill_ns = last - start;
  for (int64_t i = 0; i < decodes; ++i) {
    check_interrupt();
    logits = session.decode(session.argmax(logits));
    int64_t now = now_ns();
    round.decode_ns.push_back(now - last);
    last = now;
  }
  return round;
}

}  // namespace lab
