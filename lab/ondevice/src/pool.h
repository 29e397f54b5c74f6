// The threads that kernels run on, in place of TVM's own pool: docs/decisions/0012-thread-pool.md says why.
#pragma once

#include <cstdint>

namespace lab {

// TVM's C interface for a parallel loop (tvm/runtime/c_backend_api.h): `flambda` runs piece `task` of `num_task`.
struct ParallelEnv {
  void* sync_handle;
  int32_t num_task;
};
using ParallelLambda = int (*)(int task, ParallelEnv* env, void* data);

constexpr int kPiecesPerThread = 32;  // that a loop is cut into

// Starts `threads` - 1 workers for this process, once; the thread that launches is the first one.
void start_pool(int threads);

// Runs the whole loop and returns 0, or an error that a piece returned. With `num_task` 0 the loop is cut
// into as many pieces as suit the pool. Called from within a piece it runs everything there and then.
int launch(ParallelLambda flambda, void* data, int num_task);

}  // namespace lab
