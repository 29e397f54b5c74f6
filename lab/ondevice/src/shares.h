// The pieces of a loop, dealt out in equal shares; who has none left takes half of another's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lab {

class Shares {
 public:
  static constexpr int kMostPieces = 65535;

  explicit Shares(int threads) : shares_(static_cast<size_t>(threads)) {}

  // Deals the pieces 0 to `pieces` - 1 of `loop`, so that each thread's lie one after the other in memory.
  void deal(uint32_t loop, int pieces);

  // A piece of `loop` for thread `self`, or -1 when none is left. Who asks for a loop that is over gets none.
  int take(int self, uint32_t loop);

 private:
  // In one word, so that it changes as a whole.
  struct Range {
    uint32_t loop;
    uint16_t begin, end;
  };
  struct alignas(64) Share {
    std::atomic<Range> range{Range{0, 0, 0}};
  };
  static_assert(std::atomic<Range>::is_always_lock_free, "a range is one word");

  std::atomic<Range>& of(int thread) { return shares_[static_cast<size_t>(thread)].range; }
  int first_of_own(int self, uint32_t loop);
  int half_of_other(int self, int other, uint32_t loop);

  std::vector<Share> shares_;
};

}  // namespace lab
