// Copies of small writes. The caller's memory may change as soon as a copy to the device returns; waiting for the
// device would cost more than the write, so the bytes are kept here until the device has taken them.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "cl.h"

namespace lab {

class Staging {
 public:
  static constexpr size_t kMostBytes = 64 << 10;   // of one write
  static constexpr size_t kMostHeld = 4 << 20;     // of all that are under way

  bool takes(size_t bytes) const { return bytes <= kMostBytes && held_ + bytes <= kMostHeld; }

  // Puts the write into the queue; the code of OpenCL.
  cl_int write(const Cl& cl, cl_command_queue queue, cl_mem to, size_t offset, const void* from, size_t bytes);

  // Forgets everything: the queue is known to be empty.
  void clear(const Cl& cl);

 private:
  struct Held {
    std::unique_ptr<char[]> bytes;
    size_t size;
    cl_event event;
  };
  void drop_front(const Cl& cl);
  void drop_finished(const Cl& cl);
  std::deque<Held> writes_;
  size_t held_ = 0;
};

}  // namespace lab
