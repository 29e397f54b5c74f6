// The one clock of every stamp: monotonic nanoseconds, not stepped by NTP.
#pragma once

#include <time.h>

#include <cstdint>

namespace lab {

inline int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<int64_t>(t.tv_sec) * 1000000000 + t.tv_nsec;
}

}  // namespace lab
