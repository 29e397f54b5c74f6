#if defined(__APPLE__)
#include <errno.h>
#include <sys/event.h>
#include <unistd.h>

#include "watchdog.h"

namespace lab {

// kqueue, because poll of macOS wakes only for what was asked for. EV_CLEAR: told of a change, and not of the state,
// so that a pipe with room in it wakes nobody. A file and a terminal cannot tell that nobody reads.
bool wait_until_nobody_reads() {
  int queue = kqueue();
  if (queue < 0) return false;
  struct kevent wanted, told;
  EV_SET(&wanted, STDOUT_FILENO, EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, nullptr);
  bool gone = false;
  int count = kevent(queue, &wanted, 1, nullptr, 0, nullptr);
  while (count >= 0 && !gone) {
    count = kevent(queue, nullptr, 0, &told, 1, nullptr);
    if (count < 0 && errno == EINTR) count = 0;
    gone = count == 1 && (told.flags & EV_EOF) != 0;
  }
  close(queue);
  return gone;
}

}  // namespace lab
#endif  // __APPLE__
