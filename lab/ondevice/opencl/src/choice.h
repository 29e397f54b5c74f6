// Which of the devices that a driver offers.
#pragma once

#include <string>

#include "cl.h"

namespace lab {

struct Choice {
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
};

// The first device whose name has `wanted` in it or whose type it is ("accelerator"): a GPU before a CPU, and a CPU before
// an accelerator, which mostly is a program on the CPU. The error lists what there is.
Choice choose_device(const Library& library, const std::string& wanted);

}  // namespace lab
