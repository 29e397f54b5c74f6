#include "workspace.h"

#include <algorithm>

namespace lab {
namespace {

constexpr size_t kRound = 4096;

}  // namespace

Buffer* Workspace::take(Context& context, size_t bytes) {
  Lock lock(context.mutex);
  auto best = free_.end();
  for (auto at = free_.begin(); at != free_.end(); ++at) {
    if ((*at)->bytes >= bytes && (best == free_.end() || (*at)->bytes < (*best)->bytes)) best = at;
  }
  if (best == free_.end()) return allocate(context, (bytes + kRound - 1) / kRound * kRound);
  Buffer* buffer = *best;
  free_.erase(best);
  return buffer;
}

void Workspace::give_back(Context& context, Buffer* buffer) {
  Lock lock(context.mutex);
  free_.push_back(buffer);
}

}  // namespace lab
