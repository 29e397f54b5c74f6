// The one clock of every stamp: monotonic nanoseconds, not stepped by NTP.
#pragma once

#include <time.h>

#include <cstdint>

namespace lab {

#if defined(__APPLE__)
constexpr clockid_t kClock = CLOCK_UPTIME_RAW;  // its CLOCK_MONOTONIC counts microseconds
#else
constexpr clockid_t kClock = CLOCK_MONOTONIC;
#endif

inline int64_t now_ns() {
  timespec t;
  clock_gettime(kClock, &t);
  return static_cast<int64_t>(t.tv_sec) * 1000000000 + t.tv_nsec;
}

}  // namespace lab
