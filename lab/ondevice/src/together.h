// Threads that do the same work at the same time, and how long each pass of it took.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace lab {

using OnThread = std::function<void(size_t thread)>;

// Each of `threads` threads does prepare(i) once and then work(i) `passes` times; before each pass all leave a
// barrier together. Returns the nanoseconds of each pass, from the first thread's start to the last one's end.
// Neither function may throw.
std::vector<int64_t> time_together(int threads, int64_t passes, const OnThread& prepare, const OnThread& work);

}  // namespace lab
