// Which of the devices that a driver offers.
#pragma once

#include <string>

#include "cl.h"

namespace lab {

struct Choice {
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
};

// The first device whose name has `wanted` in it; with "" the first GPU, else accelerator, else CPU.
// The error lists what there is.
Choice choose_device(const Library& library, const std::string& wanted);

}  // namespace lab
