// A number as a kernel takes it.
#pragma once

#include <tvm/ffi/c_api.h>

#include <cstddef>
#include <string>

namespace lab {

struct Scalar {
  alignas(8) unsigned char bytes[8];
  size_t size;
};

// TVM hands over every integer in 64 bits and every real number as a double; `kernel` is for the error.
Scalar to_scalar(DLDataType type, const TVMFFIAny& value, const std::string& kernel);

}  // namespace lab
