// Weights for the device.
#pragma once

#include <tvm/ffi/container/tensor.h>

#include "context.h"

namespace lab {

// The tensor as the device reads it: in its place where the device shares the host's memory, else as a copy.
tvm::ffi::Tensor place(Context& context, tvm::ffi::Tensor host);

}  // namespace lab
