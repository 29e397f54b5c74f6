#include "warmup.h"

#include <algorithm>
#include <numeric>

#include "clock.h"
#include "signals.h"

namespace lab {
namespace {

constexpr int64_t kPrompt = 16, kDecodes = 4;
constexpr size_t kAlike = 3;

double mean_step(const WarmupRound& round) {
  if (round.decode_ns.empty()) return static_cast<double>(round.prefill_ns);
  double sum = std::accumulate(round.decode_ns.begin(), round.decode_ns.end(), 0.0);
  return sum / static_cast<double>(round.decode_ns.size());
}

}  // namespace

WarmupRound warmup_round(Session& session, const std::vector<int32_t>& ids, int64_t context) {
  int64_t prompt = std::min({kPrompt, static_cast<int64_t>(ids.size()), std::max<int64_t>(context - kDecodes, 1)});
  int64_t decodes = std::min(kDecodes, context - prompt);
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

bool is_stable(const std::vector<WarmupRound>& rounds, double spread) {
  if (rounds.size() < kAlike) return false;
  std::vector<double> means;
  for (size_t i = rounds.size() - kAlike; i < rounds.size(); ++i) means.push_back(mean_step(rounds[i]));
  auto [low, high] = std::minmax_element(means.begin(), means.end());
  return *high <= *low * (1 + spread);
}

}  // namespace lab
