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

// arm64 has 32 registers of 16 bytes: sixteen accumulators take half of them, and the other half holds what was
// loaded. Spelled out, because GCC 12 keeps vectors of 64 bytes in memory there.
#if defined(__aarch64__)
#define LAB_SIXTEEN(DO) \
  DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)
#define LAB_START(I) Part a##I = {};
#define LAB_LOAD(I) a##I += at[I];
#define LAB_SUM(I) +a##I
uint64_t sum_neon(const void* data, size_t bytes) {
  typedef uint64_t Part __attribute__((vector_size(16)));
  const Part* at = static_cast<const Part*>(data);
  const Part* end = at + bytes / sizeof(Part);
  LAB_SIXTEEN(LAB_START)
  for (; at != end; at += 16) {
    LAB_SIXTEEN(LAB_LOAD)
  }
  Part all = Part{} LAB_SIXTEEN(LAB_SUM);
  return all[0] + all[1];
}
#else
LAB_READ_LOOP(sum_baseline, )
#endif
#if defined(__x86_64__)
LAB_READ_LOOP(sum_avx512, __attribute__((target("avx512f"))))
LAB_READ_LOOP(sum_avx2, __attribute__((target("avx2"))))
#endif

}  // namespace

ReadLoop best_read_loop([[maybe_unused]] const std::vector<std::string>& features) {
#if defined(__aarch64__)
  return {"neon", sum_neon};
#else
#if defined(__x86_64__)
  auto has = [&features](const char* name) {
    return std::binary_search(features.begin(), features.end(), std::string(name));
  };
  if (has("avx512f")) return {"avx512f", sum_avx512};
  if (has("avx2")) return {"avx2", sum_avx2};
#endif
  return {"baseline", sum_baseline};
#endif
}

}  // namespace lab
