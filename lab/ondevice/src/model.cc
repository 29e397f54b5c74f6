#include "model.h"

#include <tvm/ffi/container/shape.h>

#include <cstring>
#include <utility>

#include "call.h"
#include "host_tensor.h"
#include "json_node.h"
#include "placed.h"

namespace lab {
namespace {

constexpr int kPooledAllocator = 2;  // tvm::runtime::memory::AllocatorType::kPooled

ffi::Module load_vm(const ffi::Module& library, DLDevice device) {
  ffi::Function get = global_function("ffi.ModuleGetFunction");
  auto found = call<ffi::Optional<ffi::Function>>("library", get, library, "vm_load_executable", false);
  if (!found) throw Failure("library", "is no compiled Relax library: it lacks vm_load_executable");
  ffi::Module vm = call<ffi::Module>("library", *found);
  auto init = call<ffi::Optional<ffi::Function>>("library", get, vm, "vm_initialization", false);
  if (!init) throw Failure("library", "its virtual machine lacks vm_initialization");
  int cpu = kDLCPU, type = device.device_type;
  if (type == cpu) {
    call("library", *init, cpu, 0, kPooledAllocator);
  } else {  // shapes stay on the processor
    call("library", *init, type, device.device_id, kPooledAllocator, cpu, 0, kPooledAllocator);
  }
  return vm;
}

// The same tensor in the processor's memory, whole by then.
ffi::Tensor on_host(const ffi::Tensor& tensor) {
  if (tensor.device().device_type == kDLCPU) return tensor;
  ffi::Tensor host = host_tensor(tensor.shape(), tensor.dtype());
  copy_to_host(tensor, static_cast<float*>(host.data_ptr()));
  return host;
}

ffi::Tensor on_device(const ffi::Tensor& host, DLDevice device) {
  if (device.device_type == kDLCPU) return host;
  ffi::Tensor there = empty_on(device, host.shape(), host.dtype());
  copy(host, there);
  synchronize(device);
  return there;
}

ffi::Tensor with_batch(const ffi::Tensor& hidden) {  // [n, H] -> [1, n, H], the same bytes
  if (hidden.ndim() == 3) return hidden;
  int64_t n = hidden.size(0), width = hidden.size(1);
  return hidden.as_strided({1, n, width}, {n * width, width, 1});
}

}  // namespace

Model::Model(const std::string& path, DLDevice device, ffi::Array<ffi::Tensor> params,
             const std::vector<TensorSpec>& tensors)
    : device_(device),
      library_(call<ffi::Module>("library", global_function("ffi.ModuleLoadFromFile"), path)),
      vm_(load_vm(library_, device)),
      params_(std::move(params)),
      embed_(function("embed")),
      prefill_(function("prefill")),
      decode_(function_or_null("decode")),
      create_kv_(function("create_tir_paged_kv_cache")),
      begin_forward_(global_function("vm.builtin.kv_state_begin_forward")),
      end_forward_(global_function("vm.builtin.kv_state_end_forward")) {
  read_metadata(tensors);
}

ffi::Function Model::function_or_null(const char* name) const {
  static const ffi::Function get = global_function("ffi.ModuleGetFunction");
  auto found = call<ffi::Optional<ffi::Function>>("library", get, vm_, name, true);
  return found ? *found : ffi::Function(nullptr);
}

ffi::Function Model::function(const char* name) const {
  ffi::Function found = function_or_null(name);
  if (found == nullptr) throw Failure("library", std::string("has no function ") + name);
  return found;
}

void Model::read_metadata(const std::vector<TensorSpec>& tensors) {
  JsonNode metadata = JsonNode::parse("library", "_metadata", call<ffi::String>("library", function("_metadata")));
  if (metadata.has("lab") && metadata.at("lab").has("isa")) isa_ = metadata.at("lab").at("isa").text();
  // MLC-LLM's engine would have to slide the cache itself; this runner only ever appends.
  if (metadata.has("sliding_window_size") && metadata.at("sliding_window_size").integer(-1) > 0) {
    throw Failure("library", "wants a sliding KV cache, which this runner does not have");
  }
  if (metadata.has("prefill_chunk_size")) chunk_max_ = metadata.at("prefill_chunk_size").integer(1);
  metadata_ = metadata.dump_without("params");
  if (!metadata.has("params")) return;
  std::vector<JsonNode> params = metadata.at("params").items();
  for (size_t i = 0; i < params.size() || i < tensors.size(); ++i) {
    std::string wanted = i < params.size() ? params[i].at("name").text() : "nothing";
    std::string given = i < tensors.size() ? tensors[i].name : "nothing";
    if (wanted == given) continue;
    throw Failure("library", "parameter " + std::to_string(i) + ": the library wants " + wanted +
                                 ", the weights have " + given);
  }
}

ffi::ObjectRef Model::create_kv(int64_t context, int64_t chunk) const {
  if (chunk > chunk_max_) {
    throw Failure("library", "takes " + std::to_string(chunk_max_) + " tokens at a time, not " + std::to_string(chunk));
  }
  auto one = [](int64_t value) { return ffi::Shape({value}); };
  ffi::ObjectRef kv = call<ffi::ObjectRef>("kv cache", create_kv_, one(1), one(context), one(chunk),
                                           one(kPageSize), one(0));
  static const ffi::Function add_sequence = global_function("vm.builtin.kv_state_add_sequence");
  call("kv cache", add_sequence, kv, int64_t{0});
  return kv;
}

ffi::Tensor Model::embed(const ffi::Tensor& ids) const {
  return with_batch(call<ffi::Tensor>("embed", embed_, ids, params_));
}

ffi::Tensor Model::forward(const ffi::Function& step, const ffi::ObjectRef& kv, const ffi::Tensor& hidden) const {
  call("kv cache", begin_forward_, kv, ffi::Shape({0}), ffi::Shape({hidden.size(1)}));
  auto out = call<ffi::Array<ffi::Any>>("forward", step, hidden, kv, params_);
  call("kv cache", end_forward_, kv);
  if (out.empty()) throw Failure("forward", "returned nothing");
  return expect<ffi::Tensor>("forward", out[0], "what it returned first");
}

ffi::Tensor Model::prefill(const ffi::ObjectRef& kv, const ffi::Tensor& ids) const {
  return forward(prefill_, kv, embed(ids));
}

ffi::Tensor Model::decode(const ffi::ObjectRef& kv, const ffi::Tensor& ids) const {
  if (!decodes()) throw Failure("library", "makes no tokens: it has no function decode");
  return forward(decode_, kv, embed(ids));
}

ffi::Tensor Model::encode_image(const ffi::Tensor& pixels) const {
  return on_host(call<ffi::Tensor>("image", function("encode_image"), on_device(pixels, device_), params_));
}

ffi::Tensor Model::prefill_image(const ffi::ObjectRef& kv, const ffi::Tensor& image, const ffi::Tensor& ids) const {
  ffi::Tensor text = on_host(embed(ids));
  int64_t positions = image.size(0), width = image.size(1);
  if (width != text.size(2)) throw Failure("image", "is not as wide as the text");
  int64_t shape[] = {1, positions + text.size(1), width};
  ffi::Tensor joined = host_tensor(ffi::ShapeView(shape, 3), DLDataType{kDLFloat, 32, 1});
  float* out = static_cast<float*>(joined.data_ptr());
  std::memcpy(out, floats_of(image), static_cast<size_t>(positions * width) * sizeof(float));
  std::memcpy(out + positions * width, floats_of(text), static_cast<size_t>(text.numel()) * sizeof(float));
  return forward(prefill_, kv, on_device(joined, device_));
}

}  // namespace lab
