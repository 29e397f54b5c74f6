// What went wrong, thrown inside the plug-in only; crossing.h turns it into a TVM error at the border.
#pragma once

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <stdexcept>
#include <string>

namespace lab {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void fail(const std::string& message) { throw Failure("opencl: " + message); }

// "CL_OUT_OF_RESOURCES (-5)"
std::string code_name(cl_int code);

// Throws for a code that is not CL_SUCCESS; `what` is what was tried ("write of 12 bytes").
inline void check(cl_int code, const char* what) {
  if (code != CL_SUCCESS) fail(std::string(what) + ": " + code_name(code));
}

// Text of a driver or a file as a person may read it: at most `limit` bytes, no control characters but newlines.
std::string printable(const std::string& text, size_t limit);

}  // namespace lab
