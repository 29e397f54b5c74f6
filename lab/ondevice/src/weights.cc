#include "weights.h"

#include <tvm/ffi/dtype.h>

#include <memory>

#include "failure.h"
#include "mapping.h"

namespace lab {
namespace {

namespace ffi = tvm::ffi;

constexpr int64_t kAlignment = 64;  // what TVM's kernels assume of a tensor's first byte

// Stands in for an allocator: hands out a place in the mapping and keeps it alive until the tensor is gone.
struct ViewOf {
  std::shared_ptr<const Mapping> mapping;
  int64_t offset;
  void AllocData(DLTensor* tensor) { tensor->data = mapping->data() + offset; }
  void FreeData(DLTensor*) { mapping.reset(); }
};

DLDataType parse_dtype(const TensorSpec& spec) {
  TVMFFIByteArray text{spec.dtype.data(), spec.dtype.size()};
  DLDataType dtype;
  if (TVMFFIDataTypeFromString(&text, &dtype) != 0) {
    throw Failure("weights", spec.name + ": '" + spec.dtype + "' is no data type");
  }
  return dtype;
}

// Bytes of the tensor by its shape, or -1 when they are more than `limit`.
int64_t bytes_of(const TensorSpec& spec, DLDataType dtype, int64_t limit) {
  int64_t bytes = (dtype.bits * dtype.lanes + 7) / 8;
  for (int64_t dim : spec.shape) {
    if (bytes > limit / dim) return -1;
    bytes *= dim;
  }
  return bytes;
}

void check_place(const TensorSpec& spec, DLDataType dtype, int64_t size) {
  bool inside = spec.offset <= size && spec.nbytes <= size - spec.offset;
  if (inside && spec.offset % kAlignment == 0 && bytes_of(spec, dtype, size) == spec.nbytes) return;
  throw Failure("weights", spec.name + ": " + std::to_string(spec.nbytes) + " bytes at offset " +
                               std::to_string(spec.offset) + " do not fit its shape or a file of " +
                               std::to_string(size) + " bytes");
}

}  // namespace

ffi::Array<ffi::Tensor> map_weights(const std::string& path, const Manifest& manifest) {
  auto mapping = std::make_shared<const Mapping>(path, static_cast<size_t>(manifest.weights_size));
  ffi::Array<ffi::Tensor> params;
  for (const TensorSpec& spec : manifest.tensors) {
    DLDataType dtype = parse_dtype(spec);
    check_place(spec, dtype, manifest.weights_size);
    params.push_back(ffi::Tensor::FromNDAlloc(ViewOf{mapping, spec.offset},
                                              ffi::ShapeView(spec.shape.data(), spec.shape.size()), dtype,
                                              DLDevice{kDLCPU, 0}));
  }
  return params;
}

}  // namespace lab
