// The kernels of a compiled library, as TVM's compiler serialised them into it.
#pragma once

#include <dlpack/dlpack.h>

#include <map>
#include <string>
#include <vector>

namespace lab {

struct KernelSpec {
  std::string name;
  std::vector<DLDataType> arguments;
  std::vector<std::string> launch_tags;  // "blockIdx.x", ...: what the numbers after the arguments stand for
};

struct KernelModule {
  std::map<std::string, KernelSpec> kernels;
  std::map<std::string, std::string> sources;  // of each kernel, OpenCL C
};

// Of the bytes of a module of kind "opencl". They are not believed: an error names what is wrong with them.
KernelModule parse_module(const char* bytes, size_t size);

}  // namespace lab
