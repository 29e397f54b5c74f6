// One kernel: its program is made when it is first launched.
#pragma once

#include <tvm/ffi/function.h>

#include <array>
#include <string>

#include "context.h"
#include "module_bytes.h"

namespace lab {

class Kernel {
 public:
  Kernel(KernelSpec spec, std::string source);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // Puts a launch into the queue: the arguments, then the numbers that the launch tags name.
  void launch(tvm::ffi::PackedArgs arguments);

 private:
  struct Sizes {
    std::array<size_t, 3> global{1, 1, 1}, local{1, 1, 1};
  };
  Sizes sizes(const TVMFFIAny* numbers) const;
  void make(Context& context);
  void set_argument(const Cl& cl, cl_uint index, const TVMFFIAny& value) const;
  std::string describe(const Context& context, const Sizes& sizes) const;

  KernelSpec spec_;
  std::string source_;
  cl_program program_ = nullptr;
  cl_kernel kernel_ = nullptr;
};

}  // namespace lab
