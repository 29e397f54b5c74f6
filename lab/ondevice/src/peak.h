// `lab-bench peak`: how fast this machine multiplies and adds, int8 and f32, with the given number of threads.
#pragma once

#include <string>
#include <vector>

namespace lab {

int peak_command(const std::vector<std::string>& args);

}  // namespace lab
