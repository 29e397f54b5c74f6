#if defined(__x86_64__)
#include <immintrin.h>

#include "peak_steps.h"

namespace lab {
namespace {

#define LAB_TARGET(X) __attribute__((target(X)))
// Operands in AT&T order: the last one is written.
#define LAB_ADD_TO(WHAT, ADDED) __asm__ volatile(WHAT " %2, %1, %0" : "+v"(ADDED) : "v"(a), "v"(b));  // += a * b
#define LAB_PAIRS(MADE) __asm__ volatile("vpmaddubsw %2, %1, %0" : "=v"(MADE) : "v"(a), "v"(b));      // = a * b
#define LAB_CHANGE(WHAT, CHANGED, X) __asm__ volatile(WHAT " %1, %0, %0" : "+v"(CHANGED) : "v"(X));   // op= X
#define LAB_CHANGE_SSE(WHAT, CHANGED, X) __asm__ volatile(WHAT " %1, %0" : "+x"(CHANGED) : "x"(X));

// A step of an accumulator.
#define LAB_VNNI(I) LAB_ADD_TO("vpdpbusd", c##I)
#define LAB_VNNI_VEX(I) LAB_ADD_TO("%{vex%} vpdpbusd", c##I)
#define LAB_FMA(I) LAB_ADD_TO("vfmadd231ps", c##I)
#define LAB_MADD(I)                            \
  {                                            \
    V products;                                \
    LAB_PAIRS(products)                        \
    LAB_CHANGE("vpmaddwd", products, ones)     \
    LAB_CHANGE("vpaddd", c##I, products)       \
  }
#define LAB_MADD_SSE(I)                        \
  {                                            \
    V products = a;                            \
    LAB_CHANGE_SSE("pmaddubsw", products, b)   \
    LAB_CHANGE_SSE("pmaddwd", products, ones)  \
    LAB_CHANGE_SSE("paddd", c##I, products)    \
  }
#define LAB_MUL_SSE(I)                         \
  {                                            \
    V products = a;                            \
    LAB_CHANGE_SSE("mulps", products, b)       \
    LAB_CHANGE_SSE("addps", c##I, products)    \
  }

#define LAB_INT8(NAME, TARGET, BYTES, VECTOR, EACH, STEP) \
  LAB_PEAK_LOOP(NAME, LAB_TARGET(TARGET), BYTES, int32_t, int8_t, VECTOR, EACH, STEP)
LAB_INT8(vnni_24x64, "avx512f,avx512vnni", 64, __m512i, LAB_TWENTY_FOUR, LAB_VNNI)
LAB_INT8(vnni_12x64, "avx512f,avx512vnni", 64, __m512i, LAB_TWELVE, LAB_VNNI)
LAB_INT8(vnni_12x32, "avx512f,avx512vl,avx512vnni", 32, __m256i, LAB_TWELVE, LAB_VNNI)
#if __has_include(<avxvnniintrin.h>)
LAB_INT8(avxvnni_12x32, "avx2,avxvnni", 32, __m256i, LAB_TWELVE, LAB_VNNI_VEX)
LAB_INT8(avxvnni_8x32, "avx2,avxvnni", 32, __m256i, LAB_EIGHT, LAB_VNNI_VEX)
#endif
LAB_INT8(avx512bw_12x64, "avx512f,avx512bw", 64, __m512i, LAB_TWELVE, LAB_MADD)
LAB_INT8(avx2_8x32, "avx2", 32, __m256i, LAB_EIGHT, LAB_MADD)
LAB_INT8(avx2_4x32, "avx2", 32, __m256i, LAB_FOUR, LAB_MADD)
LAB_INT8(ssse3_8x16, "ssse3", 16, __m128i, LAB_EIGHT, LAB_MADD_SSE)
LAB_INT8(ssse3_4x16, "ssse3", 16, __m128i, LAB_FOUR, LAB_MADD_SSE)

#define LAB_F32(NAME, TARGET, BYTES, VECTOR, EACH, STEP) \
  LAB_PEAK_LOOP(NAME, LAB_TARGET(TARGET), BYTES, float, float, VECTOR, EACH, STEP)
LAB_F32(fma_24x64, "avx512f", 64, __m512, LAB_TWENTY_FOUR, LAB_FMA)
LAB_F32(fma_12x64, "avx512f", 64, __m512, LAB_TWELVE, LAB_FMA)
LAB_F32(fma_12x32, "avx2,fma", 32, __m256, LAB_TWELVE, LAB_FMA)
LAB_F32(fma_8x32, "avx2,fma", 32, __m256, LAB_EIGHT, LAB_FMA)
LAB_F32(sse_12x16, "sse2", 16, __m128, LAB_TWELVE, LAB_MUL_SSE)
LAB_F32(sse_8x16, "sse2", 16, __m128, LAB_EIGHT, LAB_MUL_SSE)

// Nibbles: the first of eight steps, a next one, and what widens. A next step has each product followed by its sum, or
// all products first: cores hand out their units in the order of the code.
#define LAB_FIRST(I)                           \
  V w##I;                                      \
  LAB_PAIRS(w##I)
#define LAB_TURN(I)                            \
  {                                            \
    V pairs;                                   \
    LAB_PAIRS(pairs)                           \
    LAB_CHANGE("vpaddw", w##I, pairs)          \
  }
#define LAB_TURNS(EACH) EACH(LAB_TURN)
#define LAB_BLOCK_PAIRS(I)                     \
  V t##I;                                      \
  LAB_PAIRS(t##I)
#define LAB_BLOCK_SUM(I) LAB_CHANGE("vpaddw", w##I, t##I)
#define LAB_BLOCKS(EACH)                       \
  {                                            \
    EACH(LAB_BLOCK_PAIRS)                      \
    EACH(LAB_BLOCK_SUM)                        \
  }
#define LAB_WIDEN(I)                           \
  LAB_CHANGE("vpmaddwd", w##I, ones)           \
  LAB_CHANGE("vpaddd", c##I, w##I)
#define LAB_FIRST_SSE(I)                       \
  V w##I = a;                                  \
  LAB_CHANGE_SSE("pmaddubsw", w##I, b)
#define LAB_TURN_SSE(I)                        \
  {                                            \
    V pairs = a;                               \
    LAB_CHANGE_SSE("pmaddubsw", pairs, b)      \
    LAB_CHANGE_SSE("paddw", w##I, pairs)       \
  }
#define LAB_TURNS_SSE(EACH) EACH(LAB_TURN_SSE)
#define LAB_WIDEN_SSE(I)                       \
  LAB_CHANGE_SSE("pmaddwd", w##I, ones)        \
  LAB_CHANGE_SSE("paddd", c##I, w##I)

#define LAB_INT4(NAME, TARGET, BYTES, VECTOR, EACH, NEXT) \
  LAB_NIBBLE_LOOP(NAME, LAB_TARGET(TARGET), BYTES, VECTOR, EACH, LAB_FIRST, NEXT, LAB_WIDEN)
LAB_INT4(nibble_8x64, "avx512f,avx512bw", 64, __m512i, LAB_EIGHT, LAB_TURNS)
LAB_INT4(nibble_8x64_blocks, "avx512f,avx512bw", 64, __m512i, LAB_EIGHT, LAB_BLOCKS)
LAB_INT4(nibble_6x32, "avx2", 32, __m256i, LAB_SIX, LAB_TURNS)
LAB_INT4(nibble_4x32, "avx2", 32, __m256i, LAB_FOUR, LAB_TURNS)
LAB_INT4(nibble_4x32_blocks, "avx2", 32, __m256i, LAB_FOUR, LAB_BLOCKS)
LAB_NIBBLE_LOOP(nibble_4x16, LAB_TARGET("ssse3"), 16, __m128i, LAB_FOUR, LAB_FIRST_SSE, LAB_TURNS_SSE, LAB_WIDEN_SSE)

// Products of a round: of accumulators x bytes, for int8 and f32, and eight times as many for nibbles.
constexpr int64_t bytes(int64_t accumulators, int64_t width) { return accumulators * width; }
constexpr int64_t floats(int64_t accumulators, int64_t width) { return accumulators * width / 4; }
constexpr int64_t nibbles(int64_t accumulators, int64_t width) { return LAB_NIBBLE_STEPS * accumulators * width; }

using Loops = std::vector<PeakLoop>;

void add(Loops& loops, std::initializer_list<PeakLoop> more) { loops.insert(loops.end(), more); }

void add_vnni_512(Loops& loops, const std::vector<std::string>& features) {
  if (!all_of(features, {"avx512f", "avx512_vnni"})) return;
  add(loops, {{"avx512-vnni 24x64", bytes(24, 64), vnni_24x64}, {"avx512-vnni 12x64", bytes(12, 64), vnni_12x64}});
  if (all_of(features, {"avx512vl"})) add(loops, {{"avx512-vnni 12x32", bytes(12, 32), vnni_12x32}});
}

void add_vnni_256([[maybe_unused]] Loops& loops, [[maybe_unused]] const std::vector<std::string>& features) {
#if __has_include(<avxvnniintrin.h>)
  if (!all_of(features, {"avx2", "avx_vnni"})) return;
  add(loops, {{"avx-vnni 12x32", bytes(12, 32), avxvnni_12x32}, {"avx-vnni 8x32", bytes(8, 32), avxvnni_8x32}});
#endif
}

void add_avx512bw_nibbles(Loops& loops, const std::vector<std::string>& features) {
  if (!all_of(features, {"avx512f", "avx512bw"})) return;
  add(loops, {{"avx512bw 8x64 int16", nibbles(8, 64), nibble_8x64},
              {"avx512bw 8x64 int16 blocks", nibbles(8, 64), nibble_8x64_blocks}});
}

void add_nibbles(Loops& loops, const std::vector<std::string>& features) {
  if (all_of(features, {"avx2"})) {
    add(loops, {{"avx2 4x32 int16", nibbles(4, 32), nibble_4x32},
                {"avx2 4x32 int16 blocks", nibbles(4, 32), nibble_4x32_blocks},
                {"avx2 6x32 int16", nibbles(6, 32), nibble_6x32}});
  }
  if (all_of(features, {"ssse3"})) add(loops, {{"ssse3 4x16 int16", nibbles(4, 16), nibble_4x16}});
}

void add_pairs(Loops& loops, const std::vector<std::string>& features) {
  if (all_of(features, {"avx2"})) {
    add(loops, {{"avx2 8x32", bytes(8, 32), avx2_8x32}, {"avx2 4x32", bytes(4, 32), avx2_4x32}});
  }
  if (all_of(features, {"ssse3"})) {
    add(loops, {{"ssse3 8x16", bytes(8, 16), ssse3_8x16}, {"ssse3 4x16", bytes(4, 16), ssse3_4x16}});
  }
  add(loops, {int8_portable_loop()});
}

}  // namespace

std::vector<PeakLoop> int8_loops(const std::vector<std::string>& features) {
  Loops loops;
  add_vnni_512(loops, features);
  if (all_of(features, {"avx512f", "avx512bw"})) add(loops, {{"avx512bw 12x64", bytes(12, 64), avx512bw_12x64}});
  add_vnni_256(loops, features);
  add_pairs(loops, features);
  return loops;
}

std::vector<PeakLoop> int4_loops(const std::vector<std::string>& features) {
  Loops loops;
  add_vnni_512(loops, features);
  add_avx512bw_nibbles(loops, features);
  add_vnni_256(loops, features);
  add_nibbles(loops, features);
  add_pairs(loops, features);
  return loops;
}

std::vector<PeakLoop> f32_loops(const std::vector<std::string>& features) {
  Loops loops;
  if (all_of(features, {"avx512f"})) {
    add(loops, {{"avx512f 24x64", floats(24, 64), fma_24x64}, {"avx512f 12x64", floats(12, 64), fma_12x64}});
  }
  if (all_of(features, {"avx2", "fma"})) {
    add(loops, {{"avx2-fma 12x32", floats(12, 32), fma_12x32}, {"avx2-fma 8x32", floats(8, 32), fma_8x32}});
  }
  add(loops, {{"sse 12x16", floats(12, 16), sse_12x16}, {"sse 8x16", floats(8, 16), sse_8x16}});
  return loops;
}

}  // namespace lab
#endif
