#include "together.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "clock.h"

namespace lab {
namespace {

// Lets all threads leave at once; they wait awake, because waking up is not what is measured.
class Barrier {
 public:
  explicit Barrier(int count) : count_(count) {}
  void wait() {
    int round = round_;
    if (++arrived_ == count_) {
      arrived_ = 0;
      ++round_;
      return;
    }
    while (round_ == round) std::this_thread::yield();
  }

 private:
  int count_;
  std::atomic<int> arrived_{0}, round_{0};
};

struct Pass {
  int64_t start_ns, end_ns;
};

using Passes = std::vector<Pass>;  // of one thread

void take_part(size_t thread, Passes& passes, Barrier& barrier, const OnThread& prepare, const OnThread& work) {
  prepare(thread);
  for (Pass& pass : passes) {
    barrier.wait();
    pass.start_ns = now_ns();
    work(thread);
    pass.end_ns = now_ns();
  }
}

std::vector<int64_t> durations(const std::vector<Passes>& all) {
  std::vector<int64_t> out;
  for (size_t p = 0; p < all[0].size(); ++p) {
    int64_t start = all[0][p].start_ns, end = all[0][p].end_ns;
    for (const Passes& passes : all) {
      start = std::min(start, passes[p].start_ns);
      end = std::max(end, passes[p].end_ns);
    }
    out.push_back(end - start);
  }
  return out;
}

}  // namespace

std::vector<int64_t> time_together(int threads, int64_t passes, const OnThread& prepare, const OnThread& work) {
  std::vector<Passes> all(static_cast<size_t>(threads), Passes(static_cast<size_t>(passes)));
  Barrier barrier(threads);
  std::vector<std::thread> others;
  for (size_t i = 1; i < all.size(); ++i) {
    others.emplace_back([&, i] { take_part(i, all[i], barrier, prepare, work); });
  }
  take_part(0, all[0], barrier, prepare, work);
  for (std::thread& thread : others) thread.join();
  return durations(all);
}

}  // namespace lab
