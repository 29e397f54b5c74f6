// Tensors in the processor's memory.
#pragma once

#include <tvm/ffi/container/tensor.h>

#include <cstdlib>
#include <new>

namespace lab {

struct AlignedBuffer {
  void AllocData(DLTensor* tensor) {
    size_t size = (tvm::ffi::GetDataSize(*tensor) + 63) / 64 * 64;
    tensor->data = std::aligned_alloc(64, size);
    if (tensor->data == nullptr) throw std::bad_alloc();
  }
  void FreeData(DLTensor* tensor) { std::free(tensor->data); }
};

inline tvm::ffi::Tensor host_tensor(tvm::ffi::ShapeView shape, DLDataType dtype) {
  return tvm::ffi::Tensor::FromNDAlloc(AlignedBuffer{}, shape, dtype, DLDevice{kDLCPU, 0});
}

inline const float* floats_of(const tvm::ffi::Tensor& tensor) {
  return static_cast<const float*>(tensor.data_ptr()) + tensor.byte_offset() / sizeof(float);
}

}  // namespace lab
