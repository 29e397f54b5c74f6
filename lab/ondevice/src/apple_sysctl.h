// What the macOS kernel says by name (`sysctl NAME` in a terminal).
#pragma once

#include <cstdint>
#include <string>

namespace lab {

// A whole number, `otherwise` when this kernel has no such name.
int64_t sysctl_number(const char* name, int64_t otherwise);

// A text, "" when this kernel has no such name.
std::string sysctl_text(const char* name);

}  // namespace lab
