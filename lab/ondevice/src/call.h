// Calls into TVM, through the C calling convention only.
//
// ffi::Function::operator() jumps straight into the callee's C++ and lets its exceptions fly out. That works only
// if both sides share one C++ runtime: built with ziglang this program carries LLVM's libc++, TVM's libraries use
// libstdc++, and a throw across them is a crash. CallExpected goes through the function's C entry, where errors
// come back as values.
#pragma once

#include <tvm/ffi/expected.h>
#include <tvm/ffi/function.h>
#include <tvm/ffi/string.h>

#include <string>
#include <utility>

#include "failure.h"

namespace lab {

namespace ffi = tvm::ffi;

// `f(args...)` as a T; a TVM error becomes a Failure of part `where`.
template <typename T = ffi::Any, typename... Args>
T call(const char* where, const ffi::Function& f, Args&&... args) {
  ffi::Expected<T> result = f.CallExpected<T>(std::forward<Args>(args)...);
  if (result.is_err()) {
    ffi::Error error = result.error();
    throw Failure(where, error.kind() + ": " + error.message());
  }
  return std::move(result).value();
}

inline ffi::Function global_function(const char* name) {
  auto found = ffi::Function::GetGlobal(name);
  if (!found.has_value()) throw Failure("runtime", std::string("the runtime has no function ") + name);
  return *found;
}

// A value that must be a T; `what` names it in the Failure otherwise.
template <typename T>
T expect(const char* where, const ffi::Any& value, const std::string& what) {
  if (auto typed = value.try_cast<T>()) return *std::move(typed);
  throw Failure(where, what + " is of type " + value.GetTypeKey());
}

}  // namespace lab
