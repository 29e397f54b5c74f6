#include "cpu.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "failure.h"

namespace lab {
namespace {

std::string trimmed(const std::string& text) {
  size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) out.push_back(word);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

CpuFacts read_cpu_facts() {
  CpuFacts facts;
  utsname system = {};
  if (uname(&system) == 0) facts.arch = system.machine;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string key = trimmed(line.substr(0, colon)), value = trimmed(line.substr(colon + 1));
    bool names_model = key == "model name" || key == "Hardware";  // arm64 kernels print only the latter, if any
    if (names_model && facts.model.empty()) facts.model = value;
    bool names_features = key == "flags" || key == "Features";  // x86 / arm
    if (names_features && facts.features.empty()) facts.features = words(value);
  }
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

void require_features(const CpuFacts& cpu, const std::vector<std::string>& required) {
  std::string missing;
  for (const std::string& name : required) {
    if (std::binary_search(cpu.features.begin(), cpu.features.end(), name)) continue;
    missing += (missing.empty() ? "" : ", ") + name;
  }
  if (missing.empty()) return;
  throw Failure("cpu", "this CPU (" + (cpu.model.empty() ? cpu.arch : cpu.model) + ") lacks " + missing +
                           ", which the library was compiled for");
}

}  // namespace lab
