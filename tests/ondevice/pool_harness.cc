// Drives the pool by itself: `harness THREADS LAUNCHES`. Prints one line for each kind of loop, then "fine"; ends with
// 1 and a sentence at the first thing that is wrong.
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "pool.h"

// Built with -finstrument-functions, every function of the pool, inlined ones too, calls this when it begins and ends,
// and sometimes loses its core there: between a look at what is left and the taking of it, for one.
extern "C" __attribute__((no_instrument_function)) void __cyg_profile_func_enter(void*, void*) {
  static thread_local unsigned state = static_cast<unsigned>(reinterpret_cast<uintptr_t>(&state) >> 6) | 1;
  state = state * 1664525 + 1013904223;
  if (state >> 26 == 0) sched_yield();
}
extern "C" __attribute__((no_instrument_function)) void __cyg_profile_func_exit(void* function, void* caller) {
  __cyg_profile_func_enter(function, caller);
}

namespace {

constexpr int kMost = 4096;

struct Loop {
  int number;                   // which launch it is: a piece of another one has another number
  int pieces;                   // as launched; 0 lets the pool choose
  int failing = -1;             // the piece that returns kFailure
  bool lingering = false;       // pieces give up the core before they end
  std::atomic<int> chosen{0};   // pieces there really were
  std::atomic<int> runs[kMost];
};
constexpr int kFailure = 37;
std::atomic<int> current{0};  // the launch that is on

[[noreturn]] void fail(const char* what, int launch, int piece) {
  std::printf("wrong: %s, launch %d, piece %d\n", what, launch, piece);
  std::fflush(stdout);
  std::_Exit(1);
}

int piece(int task, lab::ParallelEnv* env, void* data) {
  Loop& loop = *static_cast<Loop*>(data);
  if (loop.number != current.load()) fail("a piece of a loop that is over", loop.number, task);
  if (task < 0 || task >= env->num_task || task >= kMost) fail("no such piece", loop.number, task);
  loop.chosen = env->num_task;
  ++loop.runs[task];
  if (loop.lingering) sched_yield();
  return task == loop.failing ? kFailure : 0;
}

// Each launch has another loop from a ring, so that a stale piece meets data that is not its own.
Loop& fresh(int pieces) {
  static std::vector<std::unique_ptr<Loop>> ring;
  static int number = 0;
  if (ring.empty()) {
    for (int i = 0; i < 8; ++i) ring.push_back(std::make_unique<Loop>());
  }
  Loop& loop = *ring[++number % 8];
  loop.number = number;
  loop.pieces = pieces;
  loop.failing = -1;
  loop.lingering = false;
  loop.chosen = 0;
  for (std::atomic<int>& runs : loop.runs) runs.store(0, std::memory_order_relaxed);
  return loop;
}

void check_once(const Loop& loop) {
  int pieces = loop.pieces > 0 ? loop.pieces : loop.chosen.load();
  if (pieces < 1 || loop.chosen != pieces) fail("another number of pieces", loop.number, loop.chosen);
  for (int i = 0; i < kMost; ++i) {
    if (loop.runs[i] != (i < pieces)) fail("a piece did not run exactly once", loop.number, i);
  }
}

int run(Loop& loop) {
  current = loop.number;
  int code = lab::launch(piece, &loop, loop.pieces);
  current = 0;
  check_once(loop);
  return code;
}

void back_to_back(int launches) {
  for (int pieces : {1, 2, 3, 7, 0, 64, 1000, kMost}) {
    for (int i = 0; i < launches; ++i) {
      if (run(fresh(pieces)) != 0) fail("an error from nowhere", i, pieces);
    }
  }
  std::puts("back to back");
}

// The same few pieces are left for a while, loop after loop: a worker that is late finds what it saw in the last one.
void lingering(int launches) {
  for (int i = 0; i < launches; ++i) {
    Loop& loop = fresh(2 + i % 2);
    loop.lingering = true;
    run(loop);
  }
  std::puts("lingering");
}

// Longer than a worker waits before it sleeps, and about as long: it falls asleep while the launch comes.
void after_pauses(int launches) {
  for (int i = 0; i < launches; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(i % 4 == 0 ? 2000 : i % 100));
    run(fresh(i % 2 ? 2 : 200));
  }
  std::puts("after pauses");
}

void errors(int launches) {
  for (int i = 0; i < launches; ++i) {
    Loop& failing = fresh(100);
    failing.failing = i % 100;
    if (run(failing) != kFailure) fail("an error was lost", i, failing.failing);
    if (run(fresh(100)) != 0) fail("an error stayed", i, 0);
  }
  std::puts("errors");
}

int nest(int, lab::ParallelEnv*, void* data) {
  std::atomic<int> inner{0};
  auto count = [](int, lab::ParallelEnv*, void* counter) { return ++*static_cast<std::atomic<int>*>(counter), 0; };
  if (lab::launch(count, &inner, 9) != 0 || lab::launch(count, &inner, 0) != 0) return 1;
  *static_cast<std::atomic<int>*>(data) += inner;
  auto failing = [](int task, lab::ParallelEnv*, void*) { return task == 1 ? kFailure : 0; };
  return lab::launch(failing, nullptr, 3) == kFailure ? 0 : 1;
}

void nested(int launches) {
  for (int i = 0; i < launches; ++i) {
    std::atomic<int> total{0};
    if (lab::launch(nest, &total, 40) != 0) fail("a launch within a piece failed", i, 0);
    if (total != 40 * (9 + 1)) fail("a launch within a piece lost some", i, total);
    run(fresh(40));
  }
  std::puts("nested");
}

// Pieces that take a while, so that all threads get some, workers that were asleep too; prints how many did.
void shared_out(int threads) {
  static std::atomic<int> had{0};
  auto slow = [](int, lab::ParallelEnv*, void*) {
    static thread_local bool counted = false;
    if (!counted) ++had;
    counted = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return 0;
  };
  for (int i = 0; i < 50 && had < threads; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    lab::launch(slow, nullptr, 16);
  }
  std::printf("threads that ran pieces: %d\n", had.load());
}

}  // namespace

int main(int, char** argv) {
  int threads = std::atoi(argv[1]), launches = std::atoi(argv[2]);
  lab::start_pool(threads);
  back_to_back(launches);
  lingering(launches);
  after_pauses(launches / 8);
  errors(launches / 8);
  nested(launches / 8);
  shared_out(threads);
  std::puts("fine");
  std::fflush(stdout);
  std::_Exit(0);  // as the runner ends: workers may still be waiting
}
