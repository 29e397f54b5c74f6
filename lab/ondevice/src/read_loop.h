// The loop that bandwidth is measured with: reads memory with the widest registers of this CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lab {

constexpr size_t kReadBlock = 512;  // bytes; a range to read must be a multiple of it

struct ReadLoop {
  const char* name;  // the instruction set it was compiled for
  uint64_t (*sum)(const void* data, size_t bytes);
};

// The best one for a CPU with these features, named as in /proc/cpuinfo and sorted. Asked of the kernel's list, not
// of __builtin_cpu_supports: with ziglang's runtime that one answered "no" to avx512f.
ReadLoop best_read_loop(const std::vector<std::string>& features);

}  // namespace lab
