#include "stats.h"

#include <tvm/ffi/container/map.h>
#include <tvm/ffi/extra/json.h>

namespace lab {

std::string stats_json(const Stats& stats) {
  namespace ffi = tvm::ffi;
  ffi::json::Object out;
  auto count = [&](const char* key, int64_t value) { out.Set(ffi::String(key), value); };
  count("launches", stats.launches);
  count("programs_built", stats.programs_built);
  count("programs_cached", stats.programs_cached);
  count("build_ns", stats.build_ns);
  count("alloc_bytes", stats.alloc_bytes);
  count("alloc_peak_bytes", stats.alloc_peak_bytes);
  count("zero_copy_bytes", stats.zero_copy_bytes);
  count("to_device_bytes", stats.to_device_bytes);
  count("from_device_bytes", stats.from_device_bytes);
  return std::string(ffi::json::Stringify(out));
}

}  // namespace lab
