#include "passes.h"

#include "clock.h"
#include "pool.h"

namespace lab {
namespace {

int run_piece(int piece, ParallelEnv*, void* work) {
  (*static_cast<const OnPiece*>(work))(piece);
  return 0;
}

}  // namespace

std::vector<int64_t> time_passes(int threads, int pieces, int64_t passes, const OnPiece& work) {
  start_pool(threads);
  std::vector<int64_t> out;
  for (int64_t pass = 0; pass < passes; ++pass) {
    int64_t start = now_ns();
    launch(run_piece, const_cast<OnPiece*>(&work), pieces);
    out.push_back(now_ns() - start);
  }
  return out;
}

}  // namespace lab
