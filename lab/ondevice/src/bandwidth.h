// `lab-bench bandwidth`: how fast this machine's memory can be read by the given number of threads.
#pragma once

#include <string>
#include <vector>

namespace lab {

int bandwidth_command(const std::vector<std::string>& args);

}  // namespace lab
