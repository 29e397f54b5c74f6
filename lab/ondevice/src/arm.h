// What an arm64 processor is: its cores by name, and its features as the kernel tells every process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lab {

// Features in the names of /proc/cpuinfo, sorted. Of the words that the kernel hands to a new process: they hold in an
// emulated process too, whose /proc/cpuinfo is that of the machine around it. Empty on other processors.
std::vector<std::string> arm_features();

// The kinds of cores in the order in which /proc/cpuinfo names them: "ARM Cortex-A55 + ARM Cortex-A76". Without such
// lines, the core that this runs on; "" where that can't be told either.
std::string arm_model(const std::string& cpuinfo);

// The name of a core by the two numbers of its identification register, as numbers where it is unknown.
std::string arm_core(uint32_t implementer, uint32_t part);

}  // namespace lab
