// `lab-bench info`: what this runner and this machine are, without a bundle.
#pragma once

#include <string>
#include <vector>

namespace lab {

int info_command(const std::vector<std::string>& args);

}  // namespace lab
