// This process's memory, by the kernel's own counters.
#pragma once

#include <cstdint>
#include <string>

namespace lab {

// Bytes, and -1 for a counter that this kernel does not have.
struct MemoryCounters {
  int64_t hwm = -1;   // VmHWM: highest resident size so far
  int64_t rss = -1;   // VmRSS
  int64_t anon = -1;  // RssAnon: heap, KV cache, workspace
  int64_t file = -1;  // RssFile: mapped weights and libraries
  int64_t swap = -1;  // VmSwap
  int64_t major_faults = -1;  // page faults that waited for a disk: a count
};

MemoryCounters read_memory();
// Bytes of files that are mapped in huge pages, or -1 where the kernel does not say.
int64_t huge_file_bytes();

std::string memory_json(const MemoryCounters& counters);

// MemAvailable of the machine in bytes, -1 when unknown.
int64_t available_memory();

}  // namespace lab
