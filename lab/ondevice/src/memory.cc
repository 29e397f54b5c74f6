#include "memory.h"

#if defined(__linux__)
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace lab {
namespace {

// "VmHWM:     1234 kB" when the line starts with `name`; the file counts in units of 1024 bytes.
bool read_kib(const std::string& line, const std::string& name, int64_t& bytes) {
  if (line.compare(0, name.size(), name) != 0 || line[name.size()] != ':') return false;
  long long kib = 0;
  if (std::sscanf(line.c_str() + name.size() + 1, "%lld", &kib) == 1) bytes = kib * 1024;
  return true;
}

int64_t read_major_faults() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  size_t name_end = line.rfind(')');  // the program's name is field 2 and may hold spaces
  if (name_end == std::string::npos) return -1;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int i = 3; i < 12; ++i) fields >> skipped;
  int64_t faults = -1;
  fields >> faults;  // field 12: majflt
  return fields ? faults : -1;
}

}  // namespace

MemoryCounters read_memory() {
  MemoryCounters counters;
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    read_kib(line, "VmHWM", counters.hwm) || read_kib(line, "VmRSS", counters.rss) ||
        read_kib(line, "RssAnon", counters.anon) || read_kib(line, "RssFile", counters.file) ||
        read_kib(line, "VmSwap", counters.swap);
  }
  counters.major_faults = read_major_faults();
  return counters;
}

bool read_resident(int64_t& resident, int64_t& anonymous) {
  static const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  char text[128];
  ssize_t n = pread(file, text, sizeof text - 1, 0);
  if (n <= 0) return false;
  text[n] = '\0';
  long long total = 0, pages = 0, shared = 0;
  if (std::sscanf(text, "%lld %lld %lld", &total, &pages, &shared) != 3) return false;
  static const int64_t page = sysconf(_SC_PAGESIZE);
  resident = pages * page;
  anonymous = (pages - shared) * page;
  return true;
}

int64_t huge_file_bytes() {
  int64_t bytes = -1;
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (read_kib(line, "FilePmdMapped", bytes)) break;
  }
  return bytes;
}

JsonObject memory_object(const MemoryCounters& counters) {
  return JsonObject()
      .measured("VmHWM", counters.hwm)
      .measured("VmRSS", counters.rss)
      .measured("RssAnon", counters.anon)
      .measured("RssFile", counters.file)
      .measured("VmSwap", counters.swap)
      .measured("major_faults", counters.major_faults);
}

int64_t available_memory() {
  int64_t bytes = -1;
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (read_kib(line, "MemAvailable", bytes)) break;
  }
  return bytes;
}

}  // namespace lab
#endif  // __linux__
