#include "cpu.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "arm.h"

namespace lab {
#if defined(__linux__)
namespace {

std::string trimmed(const std::string& text) {
  size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

[[maybe_unused]] std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) out.push_back(word);
  std::sort(out.begin(), out.end());
  return out;
}

std::string read_cpuinfo() {
  std::ifstream file("/proc/cpuinfo");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// What the first line of that name says.
[[maybe_unused]] std::string first_value(const std::string& cpuinfo, const std::string& name) {
  std::istringstream lines(cpuinfo);
  for (std::string line; std::getline(lines, line);) {
    size_t colon = line.find(':');
    if (colon != std::string::npos && trimmed(line.substr(0, colon)) == name) return trimmed(line.substr(colon + 1));
  }
  return "";
}

}  // namespace

CpuFacts read_cpu_facts() {
  CpuFacts facts;
  utsname system = {};
  if (uname(&system) == 0) facts.arch = system.machine;
  std::string cpuinfo = read_cpuinfo();
#if defined(__aarch64__)
  facts.features = arm_features();
  facts.model = arm_model(cpuinfo);
#else
  facts.features = words(first_value(cpuinfo, "flags"));
  facts.model = first_value(cpuinfo, "model name");
#endif
  return facts;
}

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

bool cores_count_from_zero() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return false;
  for (unsigned core = 0; core < std::thread::hardware_concurrency(); ++core) {
    if (!CPU_ISSET(core, &set)) return false;
  }
  return true;
}

#endif  // __linux__

std::vector<std::string> missing_features(const CpuFacts& cpu, const std::vector<std::string>& required) {
  std::vector<std::string> missing;
  for (const std::string& name : required) {
    if (!std::binary_search(cpu.features.begin(), cpu.features.end(), name)) missing.push_back(name);
  }
  return missing;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace lab
