// What the plug-in did since it was opened.
#pragma once

#include <cstdint>
#include <string>

namespace lab {

// Counts only grow, but for alloc_bytes, which is what is held at the moment.
struct Stats {
  int64_t launches = 0;
  int64_t programs_built = 0;   // from source
  int64_t programs_cached = 0;  // from the folder of program binaries
  int64_t build_ns = 0;         // both
  int64_t alloc_bytes = 0, alloc_peak_bytes = 0;
  int64_t zero_copy_bytes = 0;  // of host memory that the device reads in its place
  int64_t to_device_bytes = 0, from_device_bytes = 0;
};

std::string stats_json(const Stats& stats);

}  // namespace lab
