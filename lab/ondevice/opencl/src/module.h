// The loader of modules of kind "opencl".
#pragma once

namespace lab {

void register_module_loader();

}  // namespace lab
