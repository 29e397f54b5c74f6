#include "arm.h"

#if !defined(__APPLE__)  // see apple_cpu.cc
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace lab {
namespace {

struct Core {
  uint32_t implementer, part;
  const char* name;
};

constexpr Core kCores[] = {
    {0x41, 0xd03, "ARM Cortex-A53"},    {0x41, 0xd04, "ARM Cortex-A35"},    {0x41, 0xd05, "ARM Cortex-A55"},
    {0x41, 0xd06, "ARM Cortex-A65"},    {0x41, 0xd07, "ARM Cortex-A57"},    {0x41, 0xd08, "ARM Cortex-A72"},
    {0x41, 0xd09, "ARM Cortex-A73"},    {0x41, 0xd0a, "ARM Cortex-A75"},    {0x41, 0xd0b, "ARM Cortex-A76"},
    {0x41, 0xd0c, "ARM Neoverse-N1"},   {0x41, 0xd0d, "ARM Cortex-A77"},    {0x41, 0xd0e, "ARM Cortex-A76AE"},
    {0x41, 0xd40, "ARM Neoverse-V1"},   {0x41, 0xd41, "ARM Cortex-A78"},    {0x41, 0xd42, "ARM Cortex-A78AE"},
    {0x41, 0xd44, "ARM Cortex-X1"},     {0x41, 0xd46, "ARM Cortex-A510"},   {0x41, 0xd47, "ARM Cortex-A710"},
    {0x41, 0xd48, "ARM Cortex-X2"},     {0x41, 0xd49, "ARM Neoverse-N2"},   {0x41, 0xd4b, "ARM Cortex-A78C"},
    {0x41, 0xd4c, "ARM Cortex-X1C"},    {0x41, 0xd4d, "ARM Cortex-A715"},   {0x41, 0xd4e, "ARM Cortex-X3"},
    {0x41, 0xd4f, "ARM Neoverse-V2"},   {0x41, 0xd80, "ARM Cortex-A520"},   {0x41, 0xd81, "ARM Cortex-A720"},
    {0x41, 0xd82, "ARM Cortex-X4"},     {0x41, 0xd84, "ARM Neoverse-V3"},   {0x41, 0xd85, "ARM Cortex-X925"},
    {0x41, 0xd87, "ARM Cortex-A725"},   {0x41, 0xd8e, "ARM Neoverse-N3"},   {0x46, 0x001, "Fujitsu A64FX"},
    {0x4e, 0x004, "NVIDIA Carmel"},     {0x51, 0x001, "Qualcomm Oryon"},    {0x51, 0x802, "Qualcomm Kryo 3xx Gold"},
    {0x51, 0x803, "Qualcomm Kryo 3xx Silver"}, {0x51, 0x804, "Qualcomm Kryo 4xx Gold"},
    {0x51, 0x805, "Qualcomm Kryo 4xx Silver"}, {0x61, 0x022, "Apple M1 Icestorm"},
    {0x61, 0x023, "Apple M1 Firestorm"},       {0xc0, 0xac3, "Ampere-1"},
};

#if defined(__aarch64__)
// By bit, from 0, of the two words that the kernel hands over.
constexpr const char* kFirst[] = {
    "fp",   "asimd", "evtstrm", "aes",  "pmull", "sha1",    "sha2",   "crc32", "atomics", "fphp",     "asimdhp",
    "cpuid", "asimdrdm", "jscvt", "fcma", "lrcpc", "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512",
    "sve",  "asimdfhm", "dit",  "uscat", "ilrcpc", "flagm", "ssbs",   "sb",    "paca",    "pacg",
};
constexpr const char* kSecond[] = {
    "dcpodp", "sve2",  "sveaes", "svepmull", "svebitperm", "svesha3", "svesm4", "flagm2", "frint", "svei8mm",
    "svef32mm", "svef64mm", "svebf16", "i8mm", "bf16", "dgh", "rng", "bti", "mte", "ecv",
    "afp",   "rpres", "mte3",   "sme",      "smei16i64",  "smef64f64", "smei8i32", "smef16f32", "smeb16f32",
    "smef32f32", "smefa64", "wfxt", "ebf16", "sveebf16", "cssc", "rprfm", "sve2p1", "sme2",
};

template <size_t N>
void add_named(unsigned long bits, const char* const (&names)[N], std::vector<std::string>& out) {
  for (size_t bit = 0; bit < N; ++bit) {
    if ((bits >> bit & 1) != 0) out.push_back(names[bit]);
  }
}
#endif

// Reading the register traps, and the kernel answers where it says "cpuid".
std::string this_core() {
#if defined(__aarch64__)
  constexpr unsigned long kCpuid = 1UL << 11;
  if ((getauxval(AT_HWCAP) & kCpuid) == 0) return "";
  uint64_t midr = 0;
  asm("mrs %0, midr_el1" : "=r"(midr));
  return arm_core(static_cast<uint32_t>(midr >> 24 & 0xff), static_cast<uint32_t>(midr >> 4 & 0xfff));
#else
  return "";
#endif
}

// The number behind the colon when the line starts with `key`.
bool read_number(const std::string& line, const std::string& key, uint32_t& number) {
  size_t colon = line.find(':');
  if (line.compare(0, key.size(), key) != 0 || colon == std::string::npos) return false;
  number = static_cast<uint32_t>(std::strtoul(line.c_str() + colon + 1, nullptr, 0));
  return true;
}

}  // namespace

std::vector<std::string> arm_features() {
  std::vector<std::string> found;
#if defined(__aarch64__)
  add_named(getauxval(AT_HWCAP), kFirst, found);
  add_named(getauxval(AT_HWCAP2), kSecond, found);
  std::sort(found.begin(), found.end());
#endif
  return found;
}

std::string arm_model(const std::string& cpuinfo) {
  std::vector<std::string> kinds;
  std::istringstream lines(cpuinfo);
  uint32_t implementer = 0, part = 0;
  for (std::string line; std::getline(lines, line);) {
    read_number(line, "CPU implementer", implementer);
    if (!read_number(line, "CPU part", part)) continue;
    std::string name = arm_core(implementer, part);
    if (std::find(kinds.begin(), kinds.end(), name) == kinds.end()) kinds.push_back(name);
  }
  std::string all;
  for (const std::string& kind : kinds) all += (all.empty() ? "" : " + ") + kind;
  return all.empty() ? this_core() : all;
}

std::string arm_core(uint32_t implementer, uint32_t part) {
  for (const Core& core : kCores) {
    if (core.implementer == implementer && core.part == part) return core.name;
  }
  char text[48];
  std::snprintf(text, sizeof text, "arm64 core, implementer 0x%x part 0x%x", implementer, part);
  return text;
}

}  // namespace lab
#endif  // __APPLE__
