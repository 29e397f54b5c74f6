// A processor that lacks what was compiled: refused by name where it is known beforehand, and named when it shows.
#pragma once

#include <cstdint>
#include <string>

#include "cpu.h"
#include "manifest.h"

namespace lab {

// Throws Failure naming every feature of the manifest that the CPU lacks, and what to change in which target file:
// said before the library is loaded.
void require_features(const CpuFacts& cpu, const Manifest& manifest);

// From now on SIGILL writes an error event that names the instruction and `advice`, and then ends the process as
// before. Needed all the same: kernels list features wrongly, and so do emulators.
void explain_illegal_instruction(const CpuFacts& cpu, const std::string& advice);

// The advice about a bundle's library.
std::string how_to_compile_less(const Manifest& manifest);

// The feature, as in /proc/cpuinfo, that an arm64 instruction word belongs to; "" for one that is not known here.
const char* arm_feature_of(uint32_t instruction);

}  // namespace lab
