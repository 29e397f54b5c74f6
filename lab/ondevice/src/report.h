// What a run has to say, as events.
#pragma once

#include <cstddef>
#include <cstdint>

#include "loaded.h"
#include "sampler.h"
#include "timed.h"
#include "verify.h"
#include "warmup.h"

namespace lab {

void emit_verdict(const Verdict& verdict);  // and "broken" when it failed
void emit_warmup_round(size_t index, const WarmupRound& round);
void emit_warm(size_t count, bool stable);
void emit_timeline(const Timeline& timeline, int64_t prompt, int64_t depth);
void emit_memory(const MemorySampler& sampler, const Loaded& loaded, bool sampled);
void emit_end(int64_t prompt, int64_t generated, const char* status);

}  // namespace lab
