// For test_scalar.py: reads doubles, 8 bytes each, and writes what to_scalar makes of them as halves.
#include <cstdio>

#include "failure.cc"
#include "scalar.cc"

int main() {
  TVMFFIAny value{};
  while (std::fread(&value.v_float64, sizeof(double), 1, stdin) == 1) {
    lab::Scalar scalar = lab::to_scalar(DLDataType{kDLFloat, 16, 1}, value, "harness");
    if (scalar.size != 2 || std::fwrite(scalar.bytes, 2, 1, stdout) != 1) return 1;
  }
  return 0;
}
