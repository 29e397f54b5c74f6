#include "scalar.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "failure.h"

namespace lab {
namespace {

template <typename T>
Scalar packed(T value) {
  Scalar scalar{};
  std::memcpy(scalar.bytes, &value, sizeof(value));
  scalar.size = sizeof(value);
  return scalar;
}

// The nearest half, ties to even.
uint16_t to_half(double value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double size = std::fabs(value);
  if (std::isnan(value)) return sign | 0x7e00;
  if (size >= 65520.0) return sign | 0x7c00;
  if (size == 0.0) return sign;
  int exponent = 0;
  std::frexp(size, &exponent);                                 // size < 2^exponent
  int step = exponent - 11 < -24 ? -24 : exponent - 11;        // of the last of 11 bits
  auto units = static_cast<uint16_t>(std::nearbyint(std::ldexp(size, -step)));
  // For a normal number the leading bit of `units` adds one to the exponent's field, a carry included.
  return static_cast<uint16_t>(sign + units + ((step + 24) << 10));
}

Scalar integer(int bits, int64_t value, const std::string& kernel) {
  switch (bits) {
    case 1:
    case 8: return packed(static_cast<int8_t>(value));
    case 16: return packed(static_cast<int16_t>(value));
    case 32: return packed(static_cast<int32_t>(value));
    case 64: return packed(value);
    default: fail("kernel " + kernel + " takes an integer of " + std::to_string(bits) + " bits");
  }
}

Scalar real(int bits, double value, const std::string& kernel) {
  switch (bits) {
    case 16: return packed(to_half(value));
    case 32: return packed(static_cast<float>(value));
    case 64: return packed(value);
    default: fail("kernel " + kernel + " takes a real number of " + std::to_string(bits) + " bits");
  }
}

}  // namespace

Scalar to_scalar(DLDataType type, const TVMFFIAny& value, const std::string& kernel) {
  if (type.lanes != 1) fail("kernel " + kernel + " takes a vector of " + std::to_string(type.lanes));
  if (type.code == kDLInt || type.code == kDLUInt || type.code == kDLBool) {
    return integer(type.bits, value.v_int64, kernel);
  }
  if (type.code == kDLFloat) return real(type.bits, value.v_float64, kernel);
  fail("kernel " + kernel + " takes a number of type code " + std::to_string(type.code));
}

}  // namespace lab
