#include "crossing.h"

#include <tvm/ffi/error.h>
#include <tvm/ffi/extra/module.h>

#include <cstdlib>

namespace lab {
namespace {

int call_body(void* self, const TVMFFIAny* args, int32_t count, TVMFFIAny* result) noexcept {
  const Body& body = *static_cast<const Body*>(self);
  bool good = done([&] {
    ffi::Any value;
    body(ffi::PackedArgs(reinterpret_cast<const ffi::AnyView*>(args), count), &value);
    *reinterpret_cast<ffi::Any*>(result) = std::move(value);
  });
  return good ? 0 : -1;
}

void delete_body(void* self) { delete static_cast<Body*>(self); }

int answer_with_stored(void*, const TVMFFIAny*, int32_t, TVMFFIAny*) { return -1; }

using Visitor = ffi::TypedFunction<void(ffi::String, void*)>;

// Apart from raise_stored, whose frame must have nothing to clean up.
__attribute__((noinline)) const Visitor& failing_visitor() {
  static const Visitor* visitor = new Visitor(ffi::Function::FromExternC(nullptr, answer_with_stored, nullptr));
  return *visitor;
}

}  // namespace

void store_error(const char* message) noexcept {
  TVMFFIErrorSetRaisedFromCStr("RuntimeError", message);
}

// Of all that the public C++ interface of libtvm_ffi offers, this calls a function that it is given, in C++: the
// visitor answers through the C convention that it failed, and libtvm_ffi throws what is stored.
void raise_stored() {
  ffi::Module::VisitContextSymbols(failing_visitor());
  std::abort();  // no context symbol at all: no TVM runtime was loaded
}

ffi::Function c_function(Body body) {
  return ffi::Function::FromExternC(new Body(std::move(body)), call_body, delete_body);
}

void register_function(const char* name, Body body) {
  ffi::Function::SetGlobal(name, c_function(std::move(body)), true);
}

}  // namespace lab
