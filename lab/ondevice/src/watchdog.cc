#include "watchdog.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

namespace lab {
namespace {

constexpr int kNobodyReads = 128 + SIGPIPE;  // as a shell would report it, had the next event found out

void watch() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);  // signals are for the main thread
  if (wait_until_nobody_reads()) _exit(kNobodyReads);
}

}  // namespace

#if !defined(__APPLE__)  // see apple_watchdog.cc
bool wait_until_nobody_reads() {
  // No event is asked for, so only an error or a hangup wakes it up.
  pollfd out = {STDOUT_FILENO, 0, 0};
  while (poll(&out, 1, -1) < 0 && errno == EINTR) {
  }
  return (out.revents & (POLLERR | POLLHUP)) != 0;
}
#endif

void end_when_nobody_reads() { std::thread(watch).detach(); }

}  // namespace lab
