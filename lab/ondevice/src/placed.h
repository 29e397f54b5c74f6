// Tensors on a device that is not the processor, by the runtime's own functions.
#pragma once

#include <tvm/ffi/container/shape.h>
#include <tvm/ffi/container/tensor.h>

namespace lab {

tvm::ffi::Tensor empty_on(DLDevice device, tvm::ffi::ShapeView shape, DLDataType dtype);

// Begins to copy; both stay as they are until `synchronize`. One of them lies on the host.
void copy(const tvm::ffi::Tensor& from, const tvm::ffi::Tensor& to);

// Waits until the device has done all it was asked.
void synchronize(DLDevice device);

// Copies a whole tensor of the device to `to` and waits for it.
void copy_to_host(const tvm::ffi::Tensor& from, float* to);

}  // namespace lab
