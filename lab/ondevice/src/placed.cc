#include "placed.h"

#include <tvm/ffi/optional.h>
#include <tvm/ffi/string.h>

#include "call.h"

namespace lab {

ffi::Tensor empty_on(DLDevice device, ffi::ShapeView shape, DLDataType dtype) {
  static const ffi::Function f = global_function("runtime.TVMTensorAllocWithScope");
  return call<ffi::Tensor>("memory", f, ffi::Shape(shape.begin(), shape.end()), dtype, device, nullptr);
}

void copy(const ffi::Tensor& from, const ffi::Tensor& to) {
  static const ffi::Function f = global_function("runtime.TVMTensorCopyFromTo");
  call("copy", f, from, to);
}

void synchronize(DLDevice device) {
  static const ffi::Function f = global_function("runtime.Device_StreamSync");
  call("copy", f, device, int64_t{0});
}

void copy_to_host(const ffi::Tensor& from, float* to) {
  static const ffi::Function f = global_function("runtime.TVMTensorCopyToBytes");
  call("copy", f, from, static_cast<void*>(to), static_cast<int64_t>(ffi::GetDataSize(from)));
}

}  // namespace lab
