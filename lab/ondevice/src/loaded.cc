#include "loaded.h"

#include "clock.h"
#include "events.h"
#include "failure.h"
#include "illegal.h"
#include "weights.h"

namespace lab {
namespace {

void check_context(const Manifest& manifest, int64_t context) {
  if (context <= manifest.context_max) return;
  throw Failure("manifest", "a context of " + std::to_string(context) + " tokens is more than the model's " +
                                std::to_string(manifest.context_max));
}

int64_t kv_bytes(const Manifest& manifest, int64_t context) {
  int64_t pages = (context + kPageSize - 1) / kPageSize;
  return manifest.kv_bytes_per_token * pages * kPageSize;
}

std::string ran_on(const Loaded& loaded) {
  return JsonObject()
      .text("device", "cpu")
      .text("arch", loaded.cpu.arch)
      .text("cpu_model", loaded.cpu.model)
      .raw("features", json_list(loaded.cpu.features))
      .text("isa", loaded.model->isa())
      .text("engine", loaded.runtime.engine)
      .integer("threads", loaded.runtime.threads)
      .text("pool", loaded.runtime.pool)
      .boolean("bound", loaded.runtime.bound)
      .raw("metadata", loaded.model->metadata_json())
      .str();
}

}  // namespace

Loaded load_bundle(const RunArgs& args) {
  int64_t start = now_ns();
  Loaded loaded;
  loaded.manifest = read_manifest(args.bundle);
  check_context(loaded.manifest, args.context);
  loaded.cpu = read_cpu_facts();
  require_features(loaded.cpu, loaded.manifest);
  explain_illegal_instruction(loaded.cpu, how_to_compile_less(loaded.manifest));
  std::string engine = load_runtime(args.runtime);
  auto params = map_weights(args.bundle + "/weights.bin", loaded.manifest);
  std::string library = args.bundle + "/model.so";
  loaded.model = std::make_unique<Model>(library, params, loaded.manifest.tensors);
  loaded.runtime = start_threads(engine, library, static_cast<int>(args.threads));
  loaded.session = std::make_unique<Session>(*loaded.model, args.context, args.prefill_chunk,
                                             loaded.manifest.vocab_size);
  loaded.kv_bytes = kv_bytes(loaded.manifest, args.context);
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
