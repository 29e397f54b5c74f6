// weights.bin, mapped once and never copied: every parameter is a view into the mapping.
#pragma once

#include <tvm/ffi/container/array.h>
#include <tvm/ffi/container/tensor.h>

#include <string>

#include "manifest.h"

namespace lab {

// Parameters in the manifest's order; the mapping lives as long as any of them. Throws Failure when the file's
// size is not the manifest's, or a tensor does not lie in it, is not aligned or not of the size of its shape.
tvm::ffi::Array<tvm::ffi::Tensor> map_weights(const std::string& path, const Manifest& manifest);

}  // namespace lab
