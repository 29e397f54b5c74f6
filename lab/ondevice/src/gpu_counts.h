// What a GPU did in the timed part: looked at before it, once after its first token, and after it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gpu.h"

namespace lab {

class GpuCounts {
 public:
  explicit GpuCounts(const Gpu* gpu, bool profile) : gpu_(gpu), profile_(profile) {}

  void before();
  // Costs some microseconds of the gap between the first two tokens.
  void first_token();
  void after();

  bool are_there() const { return gpu_ != nullptr && (stats_ || profile_); }
  // The event's fields, which are null where the timed part did not come so far; `generated` is its tokens.
  std::string event_json(int64_t generated) const;

 private:
  int64_t launches() const;  // -1: not counted

  const Gpu* gpu_;
  bool profile_;
  int64_t before_ = -1, first_ = -1, after_ = -1;  // launches by then
  std::optional<GpuStats> stats_;
  std::string prefill_profile_, decode_profile_;
};

}  // namespace lab
