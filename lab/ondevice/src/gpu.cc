#include "gpu.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <tvm/ffi/container/shape.h>
#include <tvm/ffi/optional.h>
#include <unistd.h>

#include "call.h"
#include "json_line.h"
#include "json_node.h"
#include "placed.h"

namespace lab {
namespace {

constexpr int kExists = 0, kName = 5;  // tvm::runtime::DeviceAttrKind

DLDevice device_of(const std::string& kind) { return {kind == "metal" ? kDLMetal : kDLOpenCL, 0}; }

std::optional<ffi::Function> optional_function(const std::string& name) {
  return ffi::Function::GetGlobal(name);
}

void load_plugin(const GpuArgs& args) {
  // Global, as the runtime is; relative names must not be searched for.
  std::string place = args.plugin.find('/') == std::string::npos ? "./" + args.plugin : args.plugin;
  if (dlopen(place.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) throw Failure(args.kind, dlerror());
  if (!optional_function("device_api." + args.kind)) {
    throw Failure(args.kind, args.plugin + ": brings no device of kind " + args.kind + " to the runtime");
  }
}

// What a plug-in says that is not lab's own: whether the device is there, and its name.
std::string asked_facts(const std::string& kind, DLDevice device) {
  static const ffi::Function ask = global_function("runtime.GetDeviceAttr");
  int type = device.device_type;
  if (call<int64_t>(kind.c_str(), ask, type, device.device_id, kExists) == 0) {
    throw Failure(kind, "there is no such device");
  }
  std::string name = call<ffi::String>(kind.c_str(), ask, type, device.device_id, kName);
  return JsonObject().text("device", name).text("type", "gpu").str();
}

// Lets go of the whole pages that lie inside; they are a file's, so nothing is lost.
void let_go(const ffi::Tensor& host) {
  auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  auto begin = reinterpret_cast<uintptr_t>(host.data_ptr());
  uintptr_t end = (begin + ffi::GetDataSize(host)) / page * page;
  begin = (begin + page - 1) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace

Gpu::Gpu(const GpuArgs& args) : kind_(args.kind), device_(device_of(args.kind)) {
  load_plugin(args);
  std::string ours = "lab." + kind_;
  if (auto open = optional_function(ours + ".open")) {
    facts_ = call<ffi::String>(kind_.c_str(), *open, args.options);
  } else {
    facts_ = asked_facts(kind_, device_);
  }
  place_ = optional_function(ours + ".place");
  stats_ = optional_function(ours + ".stats");
  profile_ = optional_function(ours + ".profile");
}

std::string Gpu::name() const { return JsonNode::parse(kind_, "facts", facts_).at("device").text(); }

std::optional<bool> Gpu::has_extension(const std::string& name) const {
  JsonNode facts = JsonNode::parse(kind_, "facts", facts_);
  if (!facts.has("extensions")) return std::nullopt;
  for (const JsonNode& item : facts.at("extensions").items()) {
    if (item.text() == name) return true;
  }
  return false;
}

ffi::Tensor Gpu::place(const ffi::Tensor& host) const {
  if (!place_) return copied(host);
  int64_t before = stats_ ? stats()->zero_copy_bytes : 0;
  ffi::Tensor placed = call<ffi::Tensor>("weights", *place_, host);
  if (stats_ && stats()->zero_copy_bytes == before) let_go(host);
  return placed;
}

ffi::Tensor Gpu::copied(const ffi::Tensor& host) const {
  ffi::Tensor placed = empty_on(device_, host.shape(), host.dtype());
  copy(host, placed);
  synchronize(device_);  // before the host's pages go
  let_go(host);
  return placed;
}

std::optional<GpuStats> Gpu::stats() const {
  if (!stats_) return std::nullopt;
  GpuStats stats;
  stats.json = call<ffi::String>(kind_.c_str(), *stats_);
  JsonNode said = JsonNode::parse(kind_, "stats", stats.json);
  stats.launches = said.at("launches").integer();
  stats.alloc_bytes = said.at("alloc_bytes").integer();
  stats.alloc_peak_bytes = said.at("alloc_peak_bytes").integer();
  stats.zero_copy_bytes = said.at("zero_copy_bytes").integer();
  return stats;
}

std::string Gpu::profile() const {
  return profile_ ? std::string(call<ffi::String>(kind_.c_str(), *profile_)) : "[]";
}

std::unique_ptr<Gpu> open_gpu(const GpuArgs& args) {
  return args.kind == "cpu" ? nullptr : std::make_unique<Gpu>(args);
}

}  // namespace lab
