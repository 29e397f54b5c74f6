#include "module.h"

#include <tvm/ffi/extra/module.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "crossing.h"
#include "launch.h"
#include "module_bytes.h"

namespace lab {
namespace {

class OpenClModule : public ffi::ModuleObj {
 public:
  explicit OpenClModule(ffi::Bytes bytes)
      : bytes_(std::move(bytes)), kernels_(parse_module(bytes_.data(), bytes_.size())) {}

  const char* kind() const final { return "opencl"; }
  int GetPropertyMask() const final { return ffi::Module::kBinarySerializable | ffi::Module::kRunnable; }
  ffi::Bytes SaveToBytes() const final { return bytes_; }
  bool ImplementsFunction(const ffi::String& name) final { return kernels_.kernels.count(std::string(name)) != 0; }

  ffi::Optional<ffi::Function> GetFunction(const ffi::String& name) final {
    auto found = kernels_.kernels.find(std::string(name));
    if (found == kernels_.kernels.end()) return std::nullopt;
    std::lock_guard<std::mutex> lock(mutex_);
    std::shared_ptr<Kernel>& kernel = made_[found->first];
    if (kernel == nullptr) kernel = std::make_shared<Kernel>(found->second, kernels_.sources.at(found->first));
    return c_function([kernel](ffi::PackedArgs arguments, ffi::Any*) { kernel->launch(arguments); });
  }

  ffi::String InspectSource(const ffi::String&) const final {
    std::string all;
    for (const auto& [name, spec] : kernels_.kernels) all += kernels_.sources.at(name);
    return ffi::String(all);
  }

  void WriteToFile(const ffi::String&, const ffi::String&) const final {
    store_error("opencl: a module of kernels is saved inside its library only");
    raise_stored();
  }

 private:
  ffi::Bytes bytes_;
  KernelModule kernels_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Kernel>> made_;  // asked for so far: each is built once
};

}  // namespace

void register_module_loader() {
  register_function("ffi.Module.load_from_bytes.opencl", [](ffi::PackedArgs arguments, ffi::Any* result) {
    *result = ffi::Module(ffi::make_object<OpenClModule>(arguments[0].cast<ffi::Bytes>()));
  });
}

}  // namespace lab
