// What the machine's CPU is, as the kernel names it; arm.h has what is arm64's own.
#pragma once

#include <string>
#include <vector>

namespace lab {

struct CpuFacts {
  std::string arch;                   // as uname says: x86_64, aarch64
  std::string model;                  // "" where it can't be told; on arm64 every kind of core
  std::vector<std::string> features;  // names as in /proc/cpuinfo, sorted
};

CpuFacts read_cpu_facts();

// Cores that this process may run on (its affinity mask), at least 1.
int usable_cores();

// Whether the cores that a program counts, 0 to their number less one, are all in this process's affinity mask.
bool cores_count_from_zero();

// Those of `required` that the CPU lacks, in their order.
std::vector<std::string> missing_features(const CpuFacts& cpu, const std::vector<std::string>& required);

// "a, b, c"
std::string listed(const std::vector<std::string>& names);

}  // namespace lab
