// Token ids to feed: the same for the same seed on every device, or read from a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lab {

// The next of splitmix64's numbers.
uint64_t splitmix64(uint64_t& state);

// `count` ids in [0, vocab) from splitmix64 started at `seed`.
std::vector<int32_t> random_ids(uint64_t seed, int64_t count, int64_t vocab);

// The first `count` ids of a text file of decimal numbers between white space or commas. Throws Failure when
// there are fewer, or one is no number in [0, vocab).
std::vector<int32_t> read_ids(const std::string& path, int64_t count, int64_t vocab);

}  // namespace lab
