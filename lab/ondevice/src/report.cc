#include "report.h"

#include <algorithm>

#include "clock.h"
#include "events.h"
#include "memory.h"

namespace lab {
namespace {

// Anonymous memory that is not KV cache: activations, the engine's own buffers and the program. Only pages of the
// cache that were written are resident, so the tokens it held at most count, not its capacity. -1: not known.
int64_t host_workspace_bytes(int64_t anon_peak, const Loaded& loaded) {
  int64_t pages = (loaded.session->most_tokens() + kPageSize - 1) / kPageSize;
  int64_t kv_resident = std::min(loaded.kv_bytes, loaded.manifest.kv_bytes_per_token * pages * kPageSize);
  return anon_peak < kv_resident ? -1 : anon_peak - kv_resident;
}

// On a GPU: what the driver allocated beside weights and KV cache, whose pages are all there from the start.
int64_t workspace_bytes(int64_t anon_peak, const Loaded& loaded) {
  if (loaded.gpu == nullptr) return host_workspace_bytes(anon_peak, loaded);
  auto stats = loaded.gpu->stats();
  int64_t known = loaded.weights_alloc_bytes + loaded.kv_bytes;
  return stats && stats->alloc_peak_bytes >= known ? stats->alloc_peak_bytes - known : -1;
}

// The kernel's counters, and the driver's buffers beside them: whether those count as resident is the driver's affair.
std::string counters_json(const Loaded& loaded) {
  JsonObject counters = memory_object(read_memory());
  if (loaded.gpu == nullptr) return counters.str();
  if (auto stats = loaded.gpu->stats()) {
    std::string kind = loaded.gpu->kind();
    counters.integer((kind + "_alloc_peak_bytes").c_str(), stats->alloc_peak_bytes);
    counters.integer((kind + "_zero_copy_bytes").c_str(), stats->zero_copy_bytes);
  }
  return counters.str();
}

}  // namespace

void emit_verdict(const Verdict& verdict) {
  emit(event("verify")
           .real("rel_error", verdict.rel_error)
           .real("rel_error_max", verdict.rel_error_max)
           .boolean("argmax_match", verdict.argmax_match)
           .boolean("passed", verdict.passed()));
  if (verdict.passed()) return;
  emit(event("broken").text("reason", "the logits differ from the reference: relative error " +
                                          json_number(verdict.rel_error) + ", allowed " +
                                          json_number(verdict.rel_error_max)));
}

void emit_warmup_round(size_t index, const WarmupRound& round) {
  emit(event("warmup")
           .integer("index", static_cast<int64_t>(index))
           .integer("prefill_ns", round.prefill_ns)
           .raw("decode_ns", json_list(round.decode_ns)));
}

void emit_warm(size_t count, bool stable) {
  emit(event("warm").integer("count", static_cast<int64_t>(count)).boolean("stable", stable));
}

void emit_timeline(const Timeline& timeline, int64_t prompt, int64_t depth) {
  if (timeline.image_ns >= 0) {
    emit(event("image").integer("encode_ns", timeline.image_ns).integer("positions", timeline.image_positions));
  }
  if (timeline.submit_ns < 0) return;
  emit(event("submit").integer("t_ns", timeline.submit_ns).integer("prompt", prompt).integer("depth", depth));
  for (size_t i = 0; i < timeline.token_ns.size(); ++i) {
    emit(event("token")
             .integer("i", static_cast<int64_t>(i))
             .integer("t_ns", timeline.token_ns[i])
             .integer("id", timeline.token_ids[i]));
  }
}

void emit_memory(const MemorySampler& sampler, const Loaded& loaded, bool sampled) {
  JsonObject object = event("memory");
  object.raw("counters", counters_json(loaded));
  object.measured("rss_anon_peak_bytes", sampler.anon_peak());
  object.measured("workspace_bytes", workspace_bytes(sampler.anon_peak(), loaded));
  if (sampled) object.raw("samples", sampler.samples_json());
  emit(object);
}

void emit_end(int64_t prompt, int64_t generated, const char* status) {
  emit(event("end")
           .integer("t_ns", now_ns())
           .text("status", status)
           .integer("prompt_tokens", prompt)
           .integer("generated_tokens", generated));
}

}  // namespace lab
