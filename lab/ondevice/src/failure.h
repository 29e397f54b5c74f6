// What ends a run early: one exception type for every reason the runner itself knows.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace lab {

enum Exit : int { kOk = 0, kFailed = 1, kUsage = 2, kBroken = 3, kBug = 70 };

// `where` names the part that failed ("manifest", "weights", ...), what() says why in one sentence.
struct Failure : std::runtime_error {
  Failure(std::string where_, const std::string& message, Exit exit_ = kFailed)
      : std::runtime_error(message), where(std::move(where_)), exit(exit_) {}
  std::string where;
  Exit exit;
};

// The command line cannot be understood; reported on stderr, never as an event.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// SIGINT or SIGTERM arrived; what was measured so far is kept.
struct Interrupted {
  int signal;
};

}  // namespace lab
