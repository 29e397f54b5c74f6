#include "peak_loop.h"

#include <algorithm>
#include <initializer_list>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace lab {
namespace {

// Twelve accumulators hide the latency of what adds to them, and leave room in 16 registers. arm64 has 32 registers,
// and its largest cores start four such instructions at a time that take four cycles each: 24 there. Before each step
// the compiler is told that `b` may have changed, so it can neither hoist a product out of the loop nor do two at once.
// Nor may it know that `a` is all ones: clang makes additions of products with one.
// Macros, because a target attribute does not reach into an inlined template.
#define LAB_TWELVE(DO) DO(c0) DO(c1) DO(c2) DO(c3) DO(c4) DO(c5) DO(c6) DO(c7) DO(c8) DO(c9) DO(c10) DO(c11)
#if defined(__aarch64__)
constexpr int64_t kSteps = 24;  // of a round, each with an accumulator of its own
#define LAB_EACH(DO)                                                                                              \
  LAB_TWELVE(DO)                                                                                                  \
  DO(c12) DO(c13) DO(c14) DO(c15) DO(c16) DO(c17) DO(c18) DO(c19) DO(c20) DO(c21) DO(c22) DO(c23)
#else
constexpr int64_t kSteps = 12;
#define LAB_EACH LAB_TWELVE
#endif
#define LAB_ZERO(C) V C{};
#define LAB_ADD(C) +(Lanes)C
#define LAB_PEAK_LOOP(NAME, ATTRIBUTES, BYTES, LANE, ELEMENT, VECTOR, STEP)                                \
  ATTRIBUTES double NAME(int64_t rounds) {                                                                 \
    typedef LANE Lanes __attribute__((vector_size(BYTES)));                                                \
    typedef ELEMENT Elements __attribute__((vector_size(BYTES)));                                          \
    typedef VECTOR V;                                                                                      \
    int one = 1;                                                                                           \
    __asm__ volatile("" : "+r"(one));                                                                      \
    V a = (V)(Elements{} + (ELEMENT)one), b = a;                                                           \
    LAB_EACH(LAB_ZERO)                                                                                     \
    for (int64_t i = 0; i < rounds; ++i) {                                                                 \
      LAB_EACH(STEP)                                                                                       \
    }                                                                                                      \
    Lanes all = Lanes{} LAB_EACH(LAB_ADD);                                                                 \
    double sum = 0;                                                                                        \
    for (unsigned i = 0; i < BYTES / sizeof(LANE); ++i) sum += static_cast<double>(all[i]);                \
    return sum;                                                                                            \
  }

#if defined(__x86_64__)
#define LAB_CHANGED(X) __asm__ volatile("" : "+x"(X));
#elif defined(__aarch64__)
#define LAB_CHANGED(X) __asm__ volatile("" : "+w"(X));
#else
#define LAB_CHANGED(X) __asm__ volatile("" : "+m"(X));
#endif

typedef int32_t Ints __attribute__((vector_size(16)));
typedef float Floats __attribute__((vector_size(16)));
#define LAB_PLAIN(C) LAB_CHANGED(b) C += a * b;
LAB_PEAK_LOOP(int8_portable, , 16, int32_t, int32_t, Ints, LAB_PLAIN)
LAB_PEAK_LOOP(f32_portable, , 16, float, float, Floats, LAB_PLAIN)

#if defined(__x86_64__)
#define LAB_AVX512(X) __attribute__((target(X)))
#define LAB_CHANGED_ZMM(X) __asm__ volatile("" : "+v"(X));

#define LAB_VNNI_512(C) LAB_CHANGED_ZMM(b) C = _mm512_dpbusd_epi32(C, a, b);
LAB_PEAK_LOOP(int8_avx512, LAB_AVX512("avx512f,avx512vnni"), 64, int32_t, int8_t, __m512i, LAB_VNNI_512)

#if __has_include(<avxvnniintrin.h>)
#define LAB_VNNI_256(C) LAB_CHANGED(b) C = _mm256_dpbusd_avx_epi32(C, a, b);
LAB_PEAK_LOOP(int8_avxvnni, __attribute__((target("avx2,avxvnni"))), 32, int32_t, int8_t, __m256i, LAB_VNNI_256)
#endif

#define LAB_MADD_256(C) \
  LAB_CHANGED(b) C = _mm256_add_epi32(C, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
LAB_PEAK_LOOP(int8_avx2, __attribute__((target("avx2"))), 32, int32_t, int8_t, __m256i, LAB_MADD_256)

#define LAB_MADD_128(C) \
  LAB_CHANGED(b) C = _mm_add_epi32(C, _mm_madd_epi16(_mm_maddubs_epi16(a, b), _mm_set1_epi16(1)));
LAB_PEAK_LOOP(int8_ssse3, __attribute__((target("ssse3"))), 16, int32_t, int8_t, __m128i, LAB_MADD_128)

#define LAB_FMA_512(C) LAB_CHANGED_ZMM(b) C = _mm512_fmadd_ps(a, b, C);
LAB_PEAK_LOOP(f32_avx512, LAB_AVX512("avx512f"), 64, float, float, __m512, LAB_FMA_512)

#define LAB_FMA_256(C) LAB_CHANGED(b) C = _mm256_fmadd_ps(a, b, C);
LAB_PEAK_LOOP(f32_fma, __attribute__((target("avx2,fma"))), 32, float, float, __m256, LAB_FMA_256)
#endif

#if defined(__aarch64__)
#define LAB_SMMLA(C) LAB_CHANGED(b) C = vmmlaq_s32(C, (int8x16_t)a, (int8x16_t)b);
LAB_PEAK_LOOP(int8_smmla, __attribute__((target("arch=armv8.2-a+i8mm"))), 16, int32_t, int8_t, int32x4_t, LAB_SMMLA)

#define LAB_SDOT(C) LAB_CHANGED(b) C = vdotq_s32(C, (int8x16_t)a, (int8x16_t)b);
LAB_PEAK_LOOP(int8_sdot, __attribute__((target("arch=armv8.2-a+dotprod"))), 16, int32_t, int8_t, int32x4_t, LAB_SDOT)

#define LAB_LOW(X) vget_low_s8((int8x16_t)X)
#define LAB_SMLAL(C) \
  LAB_CHANGED(b) C = vpadalq_s16(C, vmlal_high_s8(vmull_s8(LAB_LOW(a), LAB_LOW(b)), (int8x16_t)a, (int8x16_t)b));
LAB_PEAK_LOOP(int8_smlal, , 16, int32_t, int8_t, int32x4_t, LAB_SMLAL)

#define LAB_FMLA(C) LAB_CHANGED(b) C = vfmaq_f32(C, a, b);
LAB_PEAK_LOOP(f32_fmla, , 16, float, float, float32x4_t, LAB_FMLA)
#endif

// Products of one step of an int8 loop of that many bytes, and of an f32 loop.
constexpr int64_t int8_round(int64_t bytes) { return kSteps * bytes; }
constexpr int64_t f32_round(int64_t bytes) { return kSteps * bytes / 4; }

}  // namespace

namespace {

[[maybe_unused]] bool all_of(const std::vector<std::string>& features, std::initializer_list<const char*> wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&features](const char* name) {
    return std::binary_search(features.begin(), features.end(), std::string(name));
  });
}

}  // namespace

#if defined(__x86_64__)
std::vector<PeakLoop> int8_loops(const std::vector<std::string>& features) {
  std::vector<PeakLoop> found;
  if (all_of(features, {"avx512f", "avx512_vnni"})) found.push_back({"avx512-vnni", int8_round(64), int8_avx512});
#if __has_include(<avxvnniintrin.h>)
  if (all_of(features, {"avx2", "avx_vnni"})) found.push_back({"avx-vnni", int8_round(32), int8_avxvnni});
#endif
  if (all_of(features, {"avx2"})) found.push_back({"avx2", int8_round(32), int8_avx2});
  if (all_of(features, {"ssse3"})) found.push_back({"ssse3", int8_round(16), int8_ssse3});
  found.push_back({"portable", f32_round(16), int8_portable});  // one product for each 32-bit lane
  return found;
}

std::vector<PeakLoop> f32_loops(const std::vector<std::string>& features) {
  std::vector<PeakLoop> found;
  if (all_of(features, {"avx512f"})) found.push_back({"avx512f", f32_round(64), f32_avx512});
  if (all_of(features, {"avx2", "fma"})) found.push_back({"avx2-fma", f32_round(32), f32_fma});
  found.push_back({"sse", f32_round(16), f32_portable});
  return found;
}
#elif defined(__aarch64__)
std::vector<PeakLoop> int8_loops(const std::vector<std::string>& features) {
  std::vector<PeakLoop> found;
  if (all_of(features, {"i8mm"})) found.push_back({"i8mm", 2 * int8_round(16), int8_smmla});
  if (all_of(features, {"asimddp"})) found.push_back({"dotprod", int8_round(16), int8_sdot});
  found.push_back({"neon", int8_round(16), int8_smlal});
  found.push_back({"portable", f32_round(16), int8_portable});
  return found;
}

std::vector<PeakLoop> f32_loops(const std::vector<std::string>&) {
  return {{"neon", f32_round(16), f32_fmla}, {"portable", f32_round(16), f32_portable}};
}
#else
std::vector<PeakLoop> int8_loops(const std::vector<std::string>&) {
  return {{"portable", f32_round(16), int8_portable}};
}

std::vector<PeakLoop> f32_loops(const std::vector<std::string>&) {
  return {{"portable", f32_round(16), f32_portable}};
}
#endif

}  // namespace lab
