// What the loops of peak_x86.cc, peak_arm.cc and peak_portable.cc have in common.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "peak_loop.h"
#include "repeat.h"

// Enough accumulators hide the latency of what adds to them, and all fit the registers. Steps are assembly: compilers
// keep accumulators in memory that would fit (GCC 12), hoist products out of the loop, and make additions of products
// with one (Clang). Macros, because a target attribute does not reach into an inlined template.
#define LAB_ZERO(I) V c##I{};
#define LAB_ADD(I) +(Lanes)c##I
#define LAB_PEAK_BEGIN(BYTES, LANE, ELEMENT, VECTOR, EACH)                  \
  typedef LANE Lanes __attribute__((vector_size(BYTES)));                   \
  typedef ELEMENT Elements __attribute__((vector_size(BYTES)));             \
  typedef int16_t Shorts __attribute__((vector_size(BYTES)));               \
  typedef VECTOR V;                                                         \
  int one = 1;                                                              \
  __asm__ volatile("" : "+r"(one));                                         \
  V a = (V)(Elements{} + (ELEMENT)one), b = a; /* ones, but who knows? */   \
  [[maybe_unused]] V ones = (V)(Shorts{} + (int16_t)one);                   \
  EACH(LAB_ZERO)
#define LAB_PEAK_END(BYTES, LANE, EACH)                                                      \
  Lanes all = Lanes{} EACH(LAB_ADD);                                                         \
  double sum = 0;                                                                            \
  for (unsigned i = 0; i < BYTES / sizeof(LANE); ++i) sum += static_cast<double>(all[i]);    \
  return sum;

// A round is a step for each accumulator.
#define LAB_PEAK_LOOP(NAME, ATTRIBUTES, BYTES, LANE, ELEMENT, VECTOR, EACH, STEP) \
  ATTRIBUTES double NAME(int64_t rounds) {                                        \
    LAB_PEAK_BEGIN(BYTES, LANE, ELEMENT, VECTOR, EACH)                            \
    for (int64_t i = 0; i < rounds; ++i) {                                        \
      EACH(STEP)                                                                  \
    }                                                                             \
    LAB_PEAK_END(BYTES, LANE, EACH)                                               \
  }

// Nibbles times bytes: eight steps in 16-bit lanes for each accumulator, then one that widens. More would overflow
// with other factors than ones. FIRST makes w##I, NEXT adds to it, WIDEN adds it to c##I.
#define LAB_NIBBLE_LOOP(NAME, ATTRIBUTES, BYTES, VECTOR, EACH, FIRST, NEXT, WIDEN) \
  ATTRIBUTES double NAME(int64_t rounds) {                                               \
    LAB_PEAK_BEGIN(BYTES, int32_t, int8_t, VECTOR, EACH)                                 \
    for (int64_t i = 0; i < rounds; ++i) {                                               \
      EACH(FIRST)                                                                        \
      NEXT(EACH) NEXT(EACH) NEXT(EACH) NEXT(EACH) NEXT(EACH) NEXT(EACH) NEXT(EACH)       \
      EACH(WIDEN)                                                                        \
    }                                                                                    \
    LAB_PEAK_END(BYTES, int32_t, EACH)                                                   \
  }
#define LAB_NIBBLE_STEPS 8

namespace lab {

PeakLoop int8_portable_loop();
PeakLoop f32_portable_loop();

inline bool all_of(const std::vector<std::string>& features, std::initializer_list<const char*> wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&features](const char* name) {
    return std::binary_search(features.begin(), features.end(), std::string(name));
  });
}

}  // namespace lab
