// Whether a warm-up is over: its steps may still vary, but they go nowhere any more.
#pragma once

#include <cstdint>
#include <vector>

namespace lab {

struct WarmupRound {
  int64_t prefill_ns = 0;
  std::vector<int64_t> decode_ns;  // each decode step
};

// `change` is what the typical slope of a series amounts to from its first value to its last, as a fraction (-0.2: a
// fifth less), by the median of the slopes between any two values: a single late step does not move it. `score` is how
// far the order of the values is from chance, in standard deviations.
struct Trend {
  double change = 0;
  double score = 0;
};

// Of times above 0 in the order they were taken; both are 0 for fewer than three.
Trend trend_of(const std::vector<double>& times);

// Whether the decode steps of the last three rounds have settled: from the first to the last their trend amounts to no
// more than `spread`, or it is no more than what their noise explains. With a spread of 0 never: the cap decides.
bool is_stable(const std::vector<WarmupRound>& rounds, double spread);

}  // namespace lab
