// What is there once the library is loaded: TVM's device and module loader, and lab.opencl.*.
#include <string>

#include "buffers.h"
#include "context.h"
#include "crossing.h"
#include "device_api.h"
#include "module.h"
#include "place.h"

namespace lab {
namespace {

void open(ffi::PackedArgs arguments, ffi::Any* result) {
  Context& opened = open_context(std::string(arguments[0].cast<ffi::String>()));
  *result = ffi::String(facts_json(opened.facts, opened.library));
}

void place_tensor(ffi::PackedArgs arguments, ffi::Any* result) {
  *result = place(context(), arguments[0].cast<ffi::Tensor>());
}

void stats(ffi::PackedArgs, ffi::Any* result) {
  Context& of = context();
  Lock lock(of.mutex);
  *result = ffi::String(stats_json(of.stats));
}

void profile(ffi::PackedArgs, ffi::Any* result) {
  Context& of = context();
  Lock lock(of.mutex);
  if (of.options.profile) of.finish();
  *result = ffi::String(of.profile.take_json());
}

__attribute__((constructor)) void register_all() {
  register_device_api();
  register_module_loader();
  register_function("lab.opencl.open", open);
  register_function("lab.opencl.place", place_tensor);
  register_function("lab.opencl.stats", stats);
  register_function("lab.opencl.profile", profile);
}

}  // namespace
}  // namespace lab
