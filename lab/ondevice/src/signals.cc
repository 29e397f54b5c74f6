#include "signals.h"

#include <signal.h>

#include "failure.h"

namespace lab {
namespace {

volatile sig_atomic_t g_signal = 0;

void on_signal(int number) { g_signal = number; }

}  // namespace

void catch_signals() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int caught_signal() { return g_signal; }

void check_interrupt() {
  if (g_signal != 0) throw Interrupted{g_signal};
}

}  // namespace lab
