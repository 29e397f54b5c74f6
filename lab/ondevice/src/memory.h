// This process's memory, by the kernel's own counters.
#pragma once

#include <cstdint>
#include <string>

#include "json_line.h"

namespace lab {

// Bytes, and -1 for a counter that this kernel does not have.
struct MemoryCounters {
  int64_t hwm = -1;   // VmHWM: highest resident size so far
  int64_t rss = -1;   // VmRSS
  int64_t anon = -1;  // RssAnon: heap, KV cache, workspace
  int64_t file = -1;  // RssFile: mapped weights and libraries
  int64_t swap = -1;  // VmSwap
  int64_t major_faults = -1;  // page faults that waited for a disk: a count
  // macOS has these in place of the others, see apple_memory.cc.
  int64_t footprint = -1;       // phys_footprint: what the process is charged for
  int64_t footprint_peak = -1;  // its highest value so far
};

MemoryCounters read_memory();

// Resident (on macOS: phys_footprint) and anonymous bytes, by the cheapest way there is: a sampler asks every few
// milliseconds. False where they can't be read.
bool read_resident(int64_t& resident, int64_t& anonymous);

// Bytes of files that are mapped in huge pages, or -1 where the kernel does not say.
int64_t huge_file_bytes();

JsonObject memory_object(const MemoryCounters& counters);

// MemAvailable of the machine in bytes, -1 when unknown.
int64_t available_memory();

}  // namespace lab
