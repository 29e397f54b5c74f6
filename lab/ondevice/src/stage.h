// `lab-bench stage`: the weights into the page cache, in huge pages where this kernel has them for files.
#pragma once

#include <string>
#include <vector>

namespace lab {

int stage_command(const std::vector<std::string>& args);

}  // namespace lab
