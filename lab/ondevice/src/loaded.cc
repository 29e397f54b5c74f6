#include "loaded.h"

#include "clock.h"
#include "events.h"
#include "failure.h"
#include "illegal.h"
#include "weights.h"

namespace lab {
namespace {

namespace ffi = tvm::ffi;

void check_context(const Manifest& manifest, int64_t context) {
  if (context <= manifest.context_max) return;
  throw Failure("manifest", "a context of " + std::to_string(context) + " tokens is more than the model's " +
                                std::to_string(manifest.context_max));
}

int64_t kv_bytes(const Manifest& manifest, int64_t context) {
  int64_t pages = (context + kPageSize - 1) / kPageSize;
  return manifest.kv_bytes_per_token * pages * kPageSize;
}

// The device that the library was compiled for must be the one that is asked for.
void check_kind(const Manifest& manifest, const std::string& device) {
  std::string wanted = manifest.target_kind == "opencl" || manifest.target_kind == "metal" ? manifest.target_kind : "cpu";
  if (wanted == device) return;
  throw Failure("manifest", "the library was compiled for " + manifest.target_kind + ", so it needs --device " + wanted +
                                ", not " + device);
}

void require_extensions(const Gpu& gpu, const Manifest& manifest) {
  for (const std::string& name : manifest.required_extensions) {
    if (gpu.has_extension(name).value_or(true)) continue;
    throw Failure(gpu.kind(), gpu.name() + " has no " + name + ", which the library was compiled for; set [compile].gpu = " +
                                  "\"any-f32\" in targets/" + manifest.target_name + ".toml");
  }
}

ffi::Array<ffi::Tensor> place_weights(const ffi::Array<ffi::Tensor>& host, const Gpu& gpu) {
  ffi::Array<ffi::Tensor> placed;
  for (const ffi::Tensor& tensor : host) placed.push_back(gpu.place(tensor));
  return placed;
}

void open_device(Loaded& loaded, const GpuArgs& args) {
  loaded.gpu = open_gpu(args);
  if (loaded.gpu != nullptr) require_extensions(*loaded.gpu, loaded.manifest);
}

ffi::Array<ffi::Tensor> load_weights(Loaded& loaded, const std::string& path) {
  ffi::Array<ffi::Tensor> host = map_weights(path, loaded.manifest);
  if (loaded.gpu == nullptr) return host;
  loaded.host_weights = host;
  ffi::Array<ffi::Tensor> placed = place_weights(host, *loaded.gpu);
  if (auto stats = loaded.gpu->stats()) loaded.weights_alloc_bytes = stats->alloc_bytes;
  return placed;
}

std::string ran_on(const Loaded& loaded) {
  JsonObject object;
  object.text("device", loaded.gpu == nullptr ? "cpu" : loaded.gpu->kind())
      .text("arch", loaded.cpu.arch)
      .text("cpu_model", loaded.cpu.model)
      .raw("features", json_list(loaded.cpu.features))
      .text("isa", loaded.model->isa())
      .text("engine", loaded.runtime.engine)
      .integer("threads", loaded.runtime.threads)
      .text("pool", loaded.runtime.pool)
      .boolean("bound", loaded.runtime.bound)
      .raw("metadata", loaded.model->metadata_json());
  if (loaded.gpu != nullptr) object.raw("gpu", loaded.gpu->facts());
  return object.str();
}

}  // namespace

Loaded load_bundle(const RunArgs& args) {
  int64_t start = now_ns();
  Loaded loaded;
  loaded.manifest = read_manifest(args.bundle);
  check_kind(loaded.manifest, args.gpu.kind);
  int64_t image = loaded.manifest.image_positions();  // comes with the first chunk of the prompt, and stays in the cache
  int64_t context = args.context + image;
  check_context(loaded.manifest, context);
  loaded.cpu = read_cpu_facts();
  require_features(loaded.cpu, loaded.manifest);
  explain_illegal_instruction(loaded.cpu, how_to_compile_less(loaded.manifest));
  std::string engine = load_runtime(args.runtime);
  open_device(loaded, args.gpu);
  auto params = load_weights(loaded, args.bundle + "/weights.bin");
  std::string library = args.bundle + "/model.so";
  DLDevice device = loaded.gpu == nullptr ? DLDevice{kDLCPU, 0} : loaded.gpu->device();
  loaded.model = std::make_unique<Model>(library, device, params, loaded.manifest.tensors);
  int threads = static_cast<int>(args.threads);
  loaded.runtime = loaded.gpu == nullptr ? start_threads(engine, library, threads) : without_threads(engine, threads);
  loaded.session = std::make_unique<Session>(*loaded.model, context, args.prefill_chunk + image,
                                             loaded.manifest.outputs);
  loaded.kv_bytes = kv_bytes(loaded.manifest, context);
  loaded.load_ns = now_ns() - start;
  return loaded;
}

void emit_loaded(const Loaded& loaded) {
  emit(event("loaded")
           .integer("t_ns", now_ns())
           .integer("load_ns", loaded.load_ns)
           .integer("weights_bytes", loaded.manifest.weights_size)
           .integer("kv_bytes", loaded.kv_bytes)
           .raw("ran_on", ran_on(loaded)));
}

}  // namespace lab
