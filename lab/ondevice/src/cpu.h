// What the machine's CPU is, as the kernel names it.
#pragma once

#include <string>
#include <vector>

namespace lab {

struct CpuFacts {
  std::string arch;                   // as uname says: x86_64, aarch64
  std::string model;                  // "" where /proc/cpuinfo does not say
  std::vector<std::string> features;  // names as in /proc/cpuinfo, sorted
};

CpuFacts read_cpu_facts();

// Cores that this process may run on (its affinity mask), at least 1.
int usable_cores();

// Whether the cores that a program counts, 0 to their number less one, are all in this process's affinity mask.
bool cores_count_from_zero();

// Throws Failure naming every feature in `required` that the CPU lacks: said before the library is loaded,
// because afterwards it would be a SIGILL.
void require_features(const CpuFacts& cpu, const std::vector<std::string>& required);

}  // namespace lab
