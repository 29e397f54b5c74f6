// `lab-bench run`: load, verify, warm up, measure once, say what happened.
#pragma once

#include <string>
#include <vector>

namespace lab {

// Returns the exit code; throws UsageError and Failure.
int run_command(const std::vector<std::string>& args);

}  // namespace lab
