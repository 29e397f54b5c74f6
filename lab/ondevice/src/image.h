// The image that a network reads before a prompt: made up, or the patches that a file holds.
#pragma once

#include <tvm/ffi/container/tensor.h>

#include <string>

#include "manifest.h"

namespace lab {

// Patches, float32 [rows, columns], the same on every device: the first row is 0, and then come multiples of 2**-22 in
// -2 to 2, from splitmix64's numbers from seed 0.
tvm::ffi::Tensor synthetic_pixels(const ImageSpec& image);

// The same of a file of little-endian float32 values. Throws Failure when it does not hold exactly as many.
tvm::ffi::Tensor read_pixels(const std::string& path, const ImageSpec& image);

}  // namespace lab
