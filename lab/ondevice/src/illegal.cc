#include "illegal.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "failure.h"
#include "json_line.h"

namespace lab {
namespace {

struct Pattern {
  uint32_t mask, value;
  const char* feature;
};

// What kernels for arm64 use beyond its baseline; a row is the bits that tell the instruction, and their values.
constexpr Pattern kPatterns[] = {
    {0x9fe0fc00, 0x0e809400, "asimddp"},   // sdot, udot
    {0x9fc0f400, 0x0f80e000, "asimddp"},   // the same by element
    {0xdfe0fc00, 0x4e80a400, "i8mm"},      // smmla, ummla
    {0xffe0fc00, 0x4e80ac00, "i8mm"},      // usmmla
    {0xbfe0fc00, 0x0e809c00, "i8mm"},      // usdot
    {0x9f60c400, 0x0e400400, "asimdhp"},   // arithmetic of halves, fmla among it
    {0xbfc0f400, 0x0f001000, "asimdhp"},   // fmla of halves by element
    {0xffe00000, 0x1ee00000, "fphp"},      // one half at a time
    {0xbfe0fc00, 0x0e20ec00, "asimdfhm"},  // fmlal
    {0xbfe0fc00, 0x2e20cc00, "asimdfhm"},  // fmlal2
    {0xbfc0f400, 0x0f800000, "asimdfhm"},  // fmlal by element
    {0xbfc0f400, 0x2f808000, "asimdfhm"},  // fmlal2 by element
    {0xbfe0fc00, 0x2e40fc00, "bf16"},      // bfdot
    {0xffe0fc00, 0x6e40ec00, "bf16"},      // bfmmla
    {0x1e000000, 0x04000000, "sve"},
};

// Made beforehand, because a signal handler may do hardly anything.
char text_before[4096], text_after[4096];
std::atomic<bool> illegal_reported{false};

void put(const char* text) {
  size_t size = std::strlen(text);
  while (size > 0) {
    ssize_t n = write(STDOUT_FILENO, text, size);
    if (n <= 0) return;
    text += n;
    size -= static_cast<size_t>(n);
  }
}

// The bytes at the instruction as hexadecimal digits: a whole word on arm64, the first bytes elsewhere.
void put_instruction(const void* at) {
  uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
#if !defined(__aarch64__)
  word = __builtin_bswap32(word);  // in the order in which they lie there
#endif
  char digits[11] = "0x";
  for (int i = 0; i < 8; ++i) digits[2 + i] = "0123456789abcdef"[word >> (28 - 4 * i) & 15];
  digits[10] = '\0';
  put(digits);
#if defined(__aarch64__)
  const char* feature = arm_feature_of(word);
  if (*feature == '\0') return;
  put(", which needs ");
  put(feature);
#endif
}

void on_illegal(int, siginfo_t* info, void*) {
  // Several threads may get here at once. The first one speaks, and ends all when it runs the instruction again.
  if (illegal_reported.exchange(true)) {
    for (;;) pause();
  }
  put(text_before);
  put_instruction(info->si_addr);
  put(text_after);
  signal(SIGILL, SIG_DFL);
}

void keep(const std::string& text, char (&into)[4096]) {
  std::strncpy(into, text.c_str(), sizeof into - 1);
}

// Text as it stands inside a JSON string.
std::string escaped(const std::string& text) {
  std::string quoted = json_string(text.substr(0, 600));
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

void require_features(const CpuFacts& cpu, const Manifest& manifest) {
  std::vector<std::string> missing = missing_features(cpu, manifest.required_features);
  if (missing.empty()) return;
  throw Failure("cpu", "this CPU (" + (cpu.model.empty() ? cpu.arch : cpu.model) + ") lacks " + listed(missing) +
                           ", which the library was compiled for; " + how_to_compile_less(manifest));
}

void explain_illegal_instruction(const CpuFacts& cpu, const std::string& advice) {
  std::string name = escaped(cpu.model.empty() ? cpu.arch : cpu.model);
  keep("{\"event\":\"error\",\"where\":\"cpu\",\"message\":\"illegal instruction ", text_before);
  keep(": this CPU (" + name + ") does not have it; " + escaped(advice) + "\"}\n", text_after);
  struct sigaction action = {};
  action.sa_sigaction = on_illegal;
  action.sa_flags = SA_SIGINFO;
  sigfillset(&action.sa_mask);
  sigaction(SIGILL, &action, nullptr);
}

std::string how_to_compile_less(const Manifest& manifest) {
  return "set [compile].cpu to this CPU's name, or take features out of [compile].features, in targets/" +
         manifest.target_name + ".toml (it was compiled for cpu \"" + manifest.target_cpu + "\")";
}

const char* arm_feature_of(uint32_t instruction) {
  for (const Pattern& pattern : kPatterns) {
    if ((instruction & pattern.mask) == pattern.value) return pattern.feature;
  }
  return "";
}

}  // namespace lab
