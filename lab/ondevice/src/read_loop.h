// The loops that bandwidth is measured with: each adds up all 8-byte words of a range of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lab {

constexpr size_t kReadBlock = 512;  // bytes; a range to read must be a multiple of it

struct ReadLoop {
  const char* name;  // instruction set, accumulators x bytes; then what else tells it from the others
  uint64_t (*sum)(const void* data, size_t bytes);
};

// All that a CPU with these features can run, widest first; never empty. Features are named as in /proc/cpuinfo and
// sorted. Asked of the kernel's list, not of __builtin_cpu_supports: with ziglang's runtime that one answered "no" to
// avx512f.
std::vector<ReadLoop> read_loops(const std::vector<std::string>& features);

}  // namespace lab
