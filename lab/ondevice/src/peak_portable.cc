// Loops in vectors of the compiler's own, for any processor.
#include "peak_steps.h"

namespace lab {
namespace {

#if defined(__x86_64__)
#define LAB_CHANGED_PORTABLE(X) __asm__ volatile("" : "+x"(X));
#elif defined(__aarch64__)
#define LAB_CHANGED_PORTABLE(X) __asm__ volatile("" : "+w"(X));
#else
#define LAB_CHANGED_PORTABLE(X) __asm__ volatile("" : "+m"(X));
#endif

typedef int32_t Ints __attribute__((vector_size(16)));
typedef float Floats __attribute__((vector_size(16)));
#define LAB_PLAIN(I) LAB_CHANGED_PORTABLE(b) c##I += a * b;
LAB_PEAK_LOOP(int8_portable, , 16, int32_t, int32_t, Ints, LAB_EIGHT, LAB_PLAIN)
LAB_PEAK_LOOP(f32_portable, , 16, float, float, Floats, LAB_EIGHT, LAB_PLAIN)

constexpr int64_t kProducts = 8 * 4;  // of a round: one for each 32-bit lane

}  // namespace

PeakLoop int8_portable_loop() { return {"portable 8x16", kProducts, int8_portable}; }
PeakLoop f32_portable_loop() { return {"portable 8x16", kProducts, f32_portable}; }

#if !defined(__x86_64__) && !defined(__aarch64__)
std::vector<PeakLoop> int8_loops(const std::vector<std::string>&) { return {int8_portable_loop()}; }
std::vector<PeakLoop> int4_loops(const std::vector<std::string>&) { return {int8_portable_loop()}; }
std::vector<PeakLoop> f32_loops(const std::vector<std::string>&) { return {f32_portable_loop()}; }
#endif

}  // namespace lab
