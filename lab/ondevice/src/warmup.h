// Repeats a small piece of work until its speed stops changing.
#pragma once

#include <cstdint>
#include <vector>

#include "session.h"
#include "settled.h"

namespace lab {

// A prefill of the first ids (16 at most) and up to 4 decode steps, in a cleared cache of `context` tokens.
WarmupRound warmup_round(Session& session, const std::vector<int32_t>& ids, int64_t context);

}  // namespace lab
