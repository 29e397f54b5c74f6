// Programs: built from source, or from the binary that an earlier process left in the cache.
#pragma once

#include <string>

#include "context.h"

namespace lab {

// The program with `kernel` in it. An error has the log of the driver.
cl_program make_program(Context& context, const std::string& kernel, const std::string& source);

}  // namespace lab
