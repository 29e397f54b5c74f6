#if defined(__aarch64__)
#include <arm_neon.h>

#include "peak_steps.h"

namespace lab {
namespace {

// 32 registers, and the largest cores start four such instructions at a time that take four cycles each: 24
// accumulators there, and twelve for the others.
#define LAB_TARGET(X) __attribute__((target(X)))
#define LAB_ADD_TO(WHAT, TO, FROM, ADDED) \
  __asm__ volatile(WHAT " %0." TO ", %1." FROM ", %2." FROM : "+w"(ADDED) : "w"(a), "w"(b));  // ADDED += a * b
#define LAB_MAKE(WHAT, TO, FROM, MADE) \
  __asm__ volatile(WHAT " %0." TO ", %1." FROM ", %2." FROM : "=w"(MADE) : "w"(a), "w"(b));  // MADE = a * b
#define LAB_ADD_PAIRS(ADDED, WIDE) __asm__ volatile("sadalp %0.4s, %1.8h" : "+w"(ADDED) : "w"(WIDE));

#define LAB_SMMLA(I) LAB_ADD_TO("smmla", "4s", "16b", c##I)
#define LAB_SDOT(I) LAB_ADD_TO("sdot", "4s", "16b", c##I)
#define LAB_FMLA(I) LAB_ADD_TO("fmla", "4s", "4s", c##I)
#define LAB_FIRST(I)                       \
  int16x8_t w##I;                          \
  LAB_MAKE("smull", "8h", "8b", w##I)      \
  LAB_ADD_TO("smlal2", "8h", "16b", w##I)
#define LAB_WIDEN(I) LAB_ADD_PAIRS(c##I, w##I)
#define LAB_SMLAL(I) \
  {                  \
    LAB_FIRST(I)     \
    LAB_WIDEN(I)     \
  }

#define LAB_INT8(NAME, ATTRIBUTES, EACH, STEP) \
  LAB_PEAK_LOOP(NAME, ATTRIBUTES, 16, int32_t, int8_t, int32x4_t, EACH, STEP)
LAB_INT8(smmla_24x16, LAB_TARGET("arch=armv8.2-a+i8mm"), LAB_TWENTY_FOUR, LAB_SMMLA)
LAB_INT8(smmla_12x16, LAB_TARGET("arch=armv8.2-a+i8mm"), LAB_TWELVE, LAB_SMMLA)
LAB_INT8(sdot_24x16, LAB_TARGET("arch=armv8.2-a+dotprod"), LAB_TWENTY_FOUR, LAB_SDOT)
LAB_INT8(sdot_12x16, LAB_TARGET("arch=armv8.2-a+dotprod"), LAB_TWELVE, LAB_SDOT)
LAB_INT8(smlal_24x16, , LAB_TWENTY_FOUR, LAB_SMLAL)
LAB_INT8(smlal_12x16, , LAB_TWELVE, LAB_SMLAL)
LAB_PEAK_LOOP(fmla_24x16, , 16, float, float, float32x4_t, LAB_TWENTY_FOUR, LAB_FMLA)
LAB_PEAK_LOOP(fmla_12x16, , 16, float, float, float32x4_t, LAB_TWELVE, LAB_FMLA)

// Nibbles: sums of 16 products in 16-bit lanes, two for each step.
#define LAB_NEXT(I)                        \
  LAB_ADD_TO("smlal", "8h", "8b", w##I)    \
  LAB_ADD_TO("smlal2", "8h", "16b", w##I)
#define LAB_NEXTS(EACH) EACH(LAB_NEXT)
#define LAB_INT4(NAME, EACH) LAB_NIBBLE_LOOP(NAME, , 16, int32x4_t, EACH, LAB_FIRST, LAB_NEXTS, LAB_WIDEN)
LAB_INT4(nibble_12x16, LAB_TWELVE)
LAB_INT4(nibble_8x16, LAB_EIGHT)

constexpr int64_t bytes(int64_t accumulators) { return accumulators * 16; }  // products of a round
constexpr int64_t floats(int64_t accumulators) { return accumulators * 4; }
constexpr int64_t nibbles(int64_t accumulators) { return LAB_NIBBLE_STEPS * bytes(accumulators); }

using Loops = std::vector<PeakLoop>;

void add(Loops& loops, std::initializer_list<PeakLoop> more) { loops.insert(loops.end(), more); }

void add_newer(Loops& loops, const std::vector<std::string>& features) {
  if (all_of(features, {"i8mm"})) {
    add(loops, {{"i8mm 24x16", 2 * bytes(24), smmla_24x16}, {"i8mm 12x16", 2 * bytes(12), smmla_12x16}});
  }
  if (all_of(features, {"asimddp"})) {
    add(loops, {{"dotprod 24x16", bytes(24), sdot_24x16}, {"dotprod 12x16", bytes(12), sdot_12x16}});
  }
}

void add_int8(Loops& loops) {
  add(loops, {{"neon 24x16", bytes(24), smlal_24x16}, {"neon 12x16", bytes(12), smlal_12x16}, int8_portable_loop()});
}

}  // namespace

std::vector<PeakLoop> int8_loops(const std::vector<std::string>& features) {
  Loops loops;
  add_newer(loops, features);
  add_int8(loops);
  return loops;
}

std::vector<PeakLoop> int4_loops(const std::vector<std::string>& features) {
  Loops loops;
  add_newer(loops, features);
  add(loops, {{"neon 12x16 int16", nibbles(12), nibble_12x16}, {"neon 8x16 int16", nibbles(8), nibble_8x16}});
  add_int8(loops);
  return loops;
}

std::vector<PeakLoop> f32_loops(const std::vector<std::string>&) {
  return {{"neon 24x16", floats(24), fmla_24x16}, {"neon 12x16", floats(12), fmla_12x16}, f32_portable_loop()};
}

}  // namespace lab
#endif
