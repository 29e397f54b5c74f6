// The loops that the arithmetic peak is measured with: registers only, no memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lab {

// `products` multiplies ones and adds the results up; it returns that sum, which is the number of products it
// really made. It has to be `rounds` times `a_round`: a loop that was shortened gives itself away.
struct PeakLoop {
  const char* name;  // instruction set, accumulators x bytes; then what else tells it from the others
  int64_t a_round;
  double (*products)(int64_t rounds);
};

constexpr int64_t kMaxRounds = 1 << 19;  // of one call: what a lane adds up stays exact in f32

// Those that a CPU with these features can run, best first; never empty. Features as in read_loops. int8 is for
// products of any two bytes, int4 for those of a nibble and a byte, of which a 16-bit lane holds the sum of sixteen.
std::vector<PeakLoop> int8_loops(const std::vector<std::string>& features);
std::vector<PeakLoop> int4_loops(const std::vector<std::string>& features);
std::vector<PeakLoop> f32_loops(const std::vector<std::string>& features);

}  // namespace lab
