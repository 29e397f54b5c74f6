// SIGINT and SIGTERM: the handler sets a flag, the work asks for it between tokens and chunks.
#pragma once

namespace lab {

void catch_signals();
int caught_signal();  // 0: none

// Throws Interrupted when a signal has arrived.
void check_interrupt();

}  // namespace lab
