#include "pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "clock.h"
#include "fast_cores.h"
#include "shares.h"

namespace lab {
namespace {

constexpr int64_t kSpinNs = 50'000;     // a worker without work sleeps after this
constexpr int64_t kTurnNs = 1'000'000;  // a worker offers its core to others this often, while it holds no piece

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // "yield" is for cores that run two threads, and nothing at all on others
#endif
}

thread_local bool inside = false;  // this thread runs a piece

class Pool {
 public:
  explicit Pool(int threads) : threads_(threads), shares_(threads) {
    for (int i = 1; i < threads; ++i) std::thread([this, i] { serve(i); }).detach();
  }

  int run(ParallelLambda flambda, void* data, int pieces) {
    lambda_ = flambda;
    data_ = data;
    pieces_ = pieces > 0 ? pieces : std::min(threads_ * kPiecesPerThread, Shares::kMostPieces);
    error_ = 0;
    done_ = 0;
    uint32_t loop = loop_.load() + 1;
    shares_.deal(loop, pieces_);
    loop_ = loop;
    if (sleeping_.load() > 0) wake();
    int ran = 0;
    while (piece(0, loop)) ++ran;
    done_ += ran;
    while (done_.load() < pieces_) relax();
    return error_.load();
  }

 private:
  // Runs one piece of `loop`; false when none is left. Whoever runs it counts it in done_, at the latest before it stops
  // for a while. Until then its loop cannot end, so what else is known of the loop stays as it is.
  bool piece(int self, uint32_t loop) {
    int task = shares_.take(self, loop);
    if (task < 0) return false;
    ParallelEnv env{nullptr, pieces_};
    inside = true;
    if (int code = lambda_(task, &env, data_)) error_ = code;
    inside = false;
    return true;
  }

  // A worker's life. It is never asked to stop: the process ends with it.
  void serve(int self) {
    want_fast_cores();
    uint32_t seen = 0;
    int64_t turn = now_ns();
    for (;;) {
      wait_for_another(seen, turn);
      seen = loop_.load();
      int ran = 0;
      do {
        offer_core(turn, ran);
      } while (piece(self, seen) && ++ran);
      done_ += ran;
    }
  }

  // Where another program wants this core, the kernel takes it away every few milliseconds. If that falls into a
  // piece, everyone waits for it. So the core is offered before the kernel takes it, at a moment when nobody waits.
  void offer_core(int64_t& turn, int& ran) {
    if (now_ns() - turn < kTurnNs) return;
    done_ += std::exchange(ran, 0);
    sched_yield();
    turn = now_ns();
  }

  void wait_for_another(uint32_t seen, int64_t& turn) {
    int64_t began = now_ns();
    while (loop_.load() == seen) {
      for (int i = 0; i < 32 && loop_.load() == seen; ++i) relax();
      if (now_ns() - began < kSpinNs) continue;
      sleep(seen);
      turn = now_ns();
    }
  }

  void sleep(uint32_t seen) {
    std::unique_lock<std::mutex> lock(mutex_);
    ++sleeping_;  // before the last look: whoever publishes after it will see the sleeper
    wake_.wait(lock, [&] { return loop_.load() != seen; });
    --sleeping_;
  }

  void wake() {
    std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_all();
  }

  const int threads_;
  ParallelLambda lambda_ = nullptr;  // these three are written only between two loops
  void* data_ = nullptr;
  int pieces_ = 0;
  std::atomic<int> error_{0};
  Shares shares_;
  alignas(64) std::atomic<uint32_t> loop_{0};
  alignas(64) std::atomic<int> done_{0};
  alignas(64) std::atomic<int> sleeping_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
};

Pool* pool = nullptr;  // never destroyed: its threads run until the process ends

}  // namespace

void start_pool(int threads) {
  if (pool != nullptr) return;
  want_fast_cores();
  pool = new Pool(threads);
}

int launch(ParallelLambda flambda, void* data, int num_task) {
  if (!inside && num_task <= Shares::kMostPieces) return pool->run(flambda, data, num_task);
  ParallelEnv env{nullptr, num_task > 0 ? num_task : 1};
  for (int task = 0; task < env.num_task; ++task) {
    if (int code = flambda(task, &env, data)) return code;
  }
  return 0;
}

}  // namespace lab
