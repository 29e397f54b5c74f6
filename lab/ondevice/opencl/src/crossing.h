// The border to TVM. TVM's libraries use libstdc++; a plug-in built with ziglang carries LLVM's libc++, and an
// exception that crosses from one into the other is a crash. So no exception leaves the plug-in:
//
// - functions that TVM calls as ffi::Function are made with `c_function`, and have nothing but a C entry;
// - virtual methods that TVM calls directly run their work in `done`, which catches and stores the error, and then
//   call `raise_stored`: that has TVM's own library throw it. The frames between there and TVM's caller must have
//   nothing to clean up, or the unwinder would enter the plug-in's C++ library: hence no inlining here.
#pragma once

#include <tvm/ffi/function.h>

#include <exception>
#include <functional>
#include <string>
#include <utility>

#include "failure.h"

namespace lab {

namespace ffi = tvm::ffi;

// Stores an error where tvm_ffi's C interface expects it.
void store_error(const char* message) noexcept;

// Throws the stored error, out of libtvm_ffi. `work` before it must be out of scope.
[[noreturn]] __attribute__((noinline)) void raise_stored();

// Runs `work` and says whether it came to its end; if not its error is stored.
template <typename Work>
__attribute__((noinline)) bool done(const Work& work) noexcept {
  try {
    work();
    return true;
  } catch (const std::exception& problem) {
    store_error(problem.what());
  }
  return false;
}

using Body = std::function<void(ffi::PackedArgs, ffi::Any*)>;

// `body` as a function of TVM that is reachable through the C calling convention only.
ffi::Function c_function(Body body);

// The same, under a global name.
void register_function(const char* name, Body body);

}  // namespace lab
