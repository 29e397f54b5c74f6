// Work that is timed pass by pass on the threads that kernels run on.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace lab {

using OnPiece = std::function<void(int piece)>;

// Starts the pool with `threads` threads and does all `pieces` of the work `passes` times. Returns the nanoseconds of
// each pass. As in a kernel, a thread whose core is taken leaves its pieces to the others, so that a roof and the rates
// that are held against it suffer alike from other programs. `work` may not throw; a piece is never run twice in a pass.
std::vector<int64_t> time_passes(int threads, int pieces, int64_t passes, const OnPiece& work);

}  // namespace lab
