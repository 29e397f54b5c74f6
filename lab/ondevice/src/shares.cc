#include "shares.h"

namespace lab {

void Shares::deal(uint32_t loop, int pieces) {
  int64_t threads = static_cast<int64_t>(shares_.size());
  auto cut = [&](int64_t i) { return static_cast<uint16_t>(pieces * i / threads); };
  for (int i = 0; i < threads; ++i) of(i).store({loop, cut(i), cut(i + 1)});
}

int Shares::take(int self, uint32_t loop) {
  int threads = static_cast<int>(shares_.size());
  int task = first_of_own(self, loop);
  for (int i = 1; i < threads && task < 0; ++i) task = half_of_other(self, (self + i) % threads, loop);
  return task;
}

int Shares::first_of_own(int self, uint32_t loop) {
  Range now = of(self).load();
  while (now.loop == loop && now.begin < now.end) {
    Range rest{loop, static_cast<uint16_t>(now.begin + 1), now.end};
    if (of(self).compare_exchange_weak(now, rest)) return now.begin;
  }
  return -1;
}

// The far half. So a thread that lost its core holds up no more than the piece it is in, and a short loop, whose first
// pieces hold all the work, is even after a few steps.
int Shares::half_of_other(int self, int other, uint32_t loop) {
  Range now = of(other).load();
  while (now.loop == loop && now.begin < now.end) {
    auto middle = static_cast<uint16_t>(now.begin + (now.end - now.begin) / 2);
    if (!of(other).compare_exchange_weak(now, {loop, now.begin, middle})) continue;
    of(self).store({loop, static_cast<uint16_t>(middle + 1), now.end});
    return middle;
  }
  return -1;
}

}  // namespace lab
