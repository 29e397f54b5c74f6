// The GNU build id that a linker stamps into a library: says which build was loaded, whatever its file name.
#pragma once

#include <string>

namespace lab {

// First 12 hex digits of the build id of the loaded library at `path`; "" when it has none.
std::string build_id(const std::string& path);

}  // namespace lab
