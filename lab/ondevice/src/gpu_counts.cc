#include "gpu_counts.h"

#include "json_line.h"

namespace lab {
namespace {

int64_t between(int64_t from, int64_t to) { return from < 0 || to < 0 ? -1 : to - from; }

std::string or_null(const std::string& json) { return json.empty() ? "null" : json; }

}  // namespace

int64_t GpuCounts::launches() const {
  auto stats = gpu_->stats();
  return stats ? stats->launches : -1;
}

void GpuCounts::before() {
  if (gpu_ == nullptr) return;
  if (profile_) gpu_->profile();  // those of the warm-up are not asked for
  before_ = launches();
}

void GpuCounts::first_token() {
  if (gpu_ == nullptr) return;
  first_ = launches();
  if (profile_) prefill_profile_ = gpu_->profile();
}

void GpuCounts::after() {
  if (gpu_ == nullptr) return;
  stats_ = gpu_->stats();
  if (stats_ && first_ >= 0) after_ = stats_->launches;
  if (profile_) decode_profile_ = gpu_->profile();
}

std::string GpuCounts::event_json(int64_t generated) const {
  JsonObject object;
  object.text("event", "gpu");
  object.raw("stats", stats_ ? stats_->json : "null");
  object.measured("prefill_launches", between(before_, first_));
  object.measured("decode_launches", between(first_, after_));
  object.integer("decode_steps", generated > 0 ? generated - 1 : 0);
  object.raw("prefill_profile", or_null(prefill_profile_)).raw("decode_profile", or_null(decode_profile_));
  return object.str();
}

}  // namespace lab
