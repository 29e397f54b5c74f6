// What TVM asks of a device.
#pragma once

#include <tvm/ffi/any.h>
#include <tvm/runtime/device_api.h>

namespace lab {

// Nothing for what OpenCL can't say. "Exists" answers 0 instead of an error where no device can be opened.
tvm::ffi::Any attribute(int device_id, tvm::runtime::DeviceAttrKind kind);

}  // namespace lab
