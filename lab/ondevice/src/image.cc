#include "image.h"

#include <algorithm>
#include <fstream>

#include "failure.h"
#include "host_tensor.h"
#include "ids.h"

namespace lab {
namespace {

namespace ffi = tvm::ffi;

ffi::Tensor pixels_of(const ImageSpec& image) {
  int64_t shape[] = {image.rows, image.columns};
  return host_tensor(ffi::ShapeView(shape, 2), DLDataType{kDLFloat, 32, 1});
}

}  // namespace

ffi::Tensor synthetic_pixels(const ImageSpec& image) {
  ffi::Tensor pixels = pixels_of(image);
  float* values = static_cast<float*>(pixels.data_ptr());
  std::fill(values, values + image.columns, 0.0f);
  uint64_t state = 0;
  for (int64_t i = image.columns; i < image.rows * image.columns; ++i) {
    values[i] = static_cast<float>(splitmix64(state) >> 40) * 0x1p-22f - 2.0f;
  }
  return pixels;
}

ffi::Tensor read_pixels(const std::string& path, const ImageSpec& image) {
  ffi::Tensor pixels = pixels_of(image);
  std::streamsize size = static_cast<std::streamsize>(image.rows * image.columns * static_cast<int64_t>(sizeof(float)));
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Failure("image", path + ": cannot be read");
  file.read(static_cast<char*>(pixels.data_ptr()), size);
  if (file.gcount() != size || file.peek() != std::ifstream::traits_type::eof()) {
    throw Failure("image", path + ": does not hold " + std::to_string(size) + " bytes");
  }
  return pixels;
}

}  // namespace lab
