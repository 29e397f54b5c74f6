#if defined(__APPLE__)
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "apple_sysctl.h"
#include "cpu.h"

namespace lab {
namespace {

// macOS names features as Arm's manual does; a bundle's manifest, as /proc/cpuinfo of Linux.
struct Feature {
  const char* sysctl;
  const char* linux_name;
};

constexpr Feature kFeatures[] = {
    {"hw.optional.floatingpoint", "fp"},         {"hw.optional.AdvSIMD", "asimd"},
    {"hw.optional.arm.AdvSIMD", "asimd"},        {"hw.optional.neon", "asimd"},
    {"hw.optional.neon_fp16", "asimdhp"},        {"hw.optional.neon_fp16", "fphp"},
    {"hw.optional.armv8_crc32", "crc32"},        {"hw.optional.arm.FEAT_CRC32", "crc32"},
    {"hw.optional.armv8_1_atomics", "atomics"},  {"hw.optional.armv8_2_fhm", "asimdfhm"},
    {"hw.optional.armv8_2_sha512", "sha512"},    {"hw.optional.armv8_2_sha3", "sha3"},
    {"hw.optional.arm.FEAT_AES", "aes"},         {"hw.optional.arm.FEAT_PMULL", "pmull"},
    {"hw.optional.arm.FEAT_SHA1", "sha1"},       {"hw.optional.arm.FEAT_SHA256", "sha2"},
    {"hw.optional.arm.FEAT_SHA512", "sha512"},
    {"hw.optional.arm.FEAT_SHA3", "sha3"},       {"hw.optional.arm.FEAT_LSE", "atomics"},
    {"hw.optional.arm.FEAT_LSE2", "uscat"},      {"hw.optional.arm.FEAT_FP16", "asimdhp"},
    {"hw.optional.arm.FEAT_FP16", "fphp"},       {"hw.optional.arm.FEAT_FHM", "asimdfhm"},
    {"hw.optional.arm.FEAT_RDM", "asimdrdm"},    {"hw.optional.arm.FEAT_DotProd", "asimddp"},
    {"hw.optional.arm.FEAT_JSCVT", "jscvt"},     {"hw.optional.arm.FEAT_FCMA", "fcma"},
    {"hw.optional.arm.FEAT_LRCPC", "lrcpc"},     {"hw.optional.arm.FEAT_LRCPC2", "ilrcpc"},
    {"hw.optional.arm.FEAT_DPB", "dcpop"},       {"hw.optional.arm.FEAT_DPB2", "dcpodp"},
    {"hw.optional.arm.FEAT_DIT", "dit"},         {"hw.optional.arm.FEAT_FlagM", "flagm"},
    {"hw.optional.arm.FEAT_FlagM2", "flagm2"},   {"hw.optional.arm.FEAT_SSBS", "ssbs"},
    {"hw.optional.arm.FEAT_SB", "sb"},           {"hw.optional.arm.FEAT_PAuth", "paca"},
    {"hw.optional.arm.FEAT_PAuth", "pacg"},      {"hw.optional.arm.FEAT_FRINTTS", "frint"},
    {"hw.optional.arm.FEAT_I8MM", "i8mm"},       {"hw.optional.arm.FEAT_BF16", "bf16"},
    {"hw.optional.arm.FEAT_EBF16", "ebf16"},     {"hw.optional.arm.FEAT_BTI", "bti"},
    {"hw.optional.arm.FEAT_ECV", "ecv"},         {"hw.optional.arm.FEAT_AFP", "afp"},
    {"hw.optional.arm.FEAT_RPRES", "rpres"},     {"hw.optional.arm.FEAT_WFxT", "wfxt"},
    {"hw.optional.arm.FEAT_SME", "sme"},         {"hw.optional.arm.FEAT_SME2", "sme2"},
};

// What macOS 11 does not tell of, under no name, and every processor of Apple's for a Mac has.
constexpr const char* kEveryAppleM[] = {"fp",      "asimd", "asimddp", "asimdhp", "asimdrdm", "fphp",
                                        "atomics", "crc32", "aes",     "pmull",   "sha1",     "sha2"};

bool tells_by_arms_names() { return sysctl_number("hw.optional.arm.FEAT_LSE", -1) >= 0; }

}  // namespace

CpuFacts read_cpu_facts() {
  CpuFacts facts;
#if defined(__aarch64__)
  facts.arch = "aarch64";  // macOS says arm64; the name that bundles and records have
#else
  facts.arch = sysctl_text("hw.machine");
#endif
  facts.model = sysctl_text("machdep.cpu.brand_string");
  for (const Feature& feature : kFeatures) {
    if (sysctl_number(feature.sysctl, 0) == 1) facts.features.push_back(feature.linux_name);
  }
  if (facts.model.rfind("Apple M", 0) == 0 && !tells_by_arms_names()) {
    facts.features.insert(facts.features.end(), std::begin(kEveryAppleM), std::end(kEveryAppleM));
  }
  std::sort(facts.features.begin(), facts.features.end());
  facts.features.erase(std::unique(facts.features.begin(), facts.features.end()), facts.features.end());
  return facts;
}

// The fast cores: one slow core among them makes every loop wait for it. Slow are those named Efficiency, and where the
// kernel has no names yet all but the first kind. All cores where it tells of no kinds.
int usable_cores() {
  int64_t fast = sysctl_number("hw.perflevel0.physicalcpu", 0);
  for (int i = 1; i < 4; ++i) {
    std::string level = "hw.perflevel" + std::to_string(i), name = sysctl_text((level + ".name").c_str());
    if (!name.empty() && name != "Efficiency") fast += sysctl_number((level + ".physicalcpu").c_str(), 0);
  }
  if (fast < 1) fast = sysconf(_SC_NPROCESSORS_ONLN);
  return std::max(1, static_cast<int>(fast));
}

bool cores_count_from_zero() { return false; }  // no thread can be tied to a core

}  // namespace lab
#endif  // __APPLE__
