// Memory for the length of a call. The queue is in order, so the next user may have it at once.
#pragma once

#include <vector>

#include "buffers.h"

namespace lab {

class Workspace {
 public:
  Buffer* take(Context& context, size_t bytes);
  void give_back(Context& context, Buffer* buffer);

 private:
  std::vector<Buffer*> free_;
};

}  // namespace lab
