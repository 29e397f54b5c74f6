#include "read_loop.h"

#include <algorithm>

namespace lab {
namespace {

// Eight 64-byte loads in flight, each into an accumulator of its own, so that no addition waits for another.
// GCC and Clang lower the vector type to whatever width the function's target has. A macro, because a target
// attribute does not reach into an inlined template.
#define LAB_READ_LOOP(NAME, ATTRIBUTES)                                          \
  ATTRIBUTES uint64_t NAME(const void* data, size_t bytes) {                     \
    typedef uint64_t Line __attribute__((vector_size(64), aligned(64)));         \
    const Line* at = static_cast<const Line*>(data);                             \
    const Line* end = at + bytes / sizeof(Line);                                 \
    Line a = {}, b = {}, c = {}, d = {}, e = {}, f = {}, g = {}, h = {};         \
    for (; at != end; at += 8) {                                                 \
      a += at[0], b += at[1], c += at[2], d += at[3];                            \
      e += at[4], f += at[5], g += at[6], h += at[7];                            \
    }                                                                            \
    Line all = ((a + b) + (c + d)) + ((e + f) + (g + h));                        \
    uint64_t sum = 0;                                                            \
    for (int i = 0; i < 8; ++i) sum += all[i];                                   \
    return sum;                                                                  \
  }

#if defined(__x86_64__)
LAB_READ_LOOP(sum_avx512, __attribute__((target("avx512f"))))
LAB_READ_LOOP(sum_avx2, __attribute__((target("avx2"))))
#endif
LAB_READ_LOOP(sum_baseline, )

}  // namespace

ReadLoop best_read_loop(const std::vector<std::string>& features) {
#if defined(__x86_64__)
  auto has = [&features](const char* name) {
    return std::binary_search(features.begin(), features.end(), std::string(name));
  };
  if (has("avx512f")) return {"avx512f", sum_avx512};
  if (has("avx2")) return {"avx2", sum_avx2};
#else
  static_cast<void>(features);
#endif
  return {"baseline", sum_baseline};
}

}  // namespace lab
