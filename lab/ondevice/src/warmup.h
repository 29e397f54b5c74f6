// Repeats a small piece of work until its speed stops changing.
#pragma once

#include <cstdint>
#include <vector>

#include "session.h"

namespace lab {

struct WarmupRound {
  int64_t prefill_ns = 0;
  std::vector<int64_t> decode_ns;  // each decode step
};

// A prefill of the first ids (16 at most) and up to 4 decode steps, in a cleared cache of `context` tokens.
WarmupRound warmup_round(Session& session, const std::vector<int32_t>& ids, int64_t context);

// Whether the last three rounds are alike: their mean decode steps (their prefills, where the context leaves
// no room to decode) within `spread` of the smallest.
bool is_stable(const std::vector<WarmupRound>& rounds, double spread);

}  // namespace lab
