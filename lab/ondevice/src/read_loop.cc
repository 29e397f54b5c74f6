#include "read_loop.h"

#include <algorithm>
#include <initializer_list>

#include "repeat.h"

namespace lab {
namespace {

constexpr size_t kLine = 64;  // bytes that a prefetch brings
constexpr size_t kAhead = 2048;  // bytes between what is added and what is prefetched

// Every load has an accumulator of its own, so that no addition waits for another, and all of them fit the registers.
// Vectors have the width of the registers and are spelled out: GCC 12 keeps wider ones, and arrays of them, in memory.
// Macros, because a target attribute does not reach into an inlined template.
#define LAB_START(I) Part a##I = {};
#define LAB_LOAD(I) a##I += at[I];
#define LAB_SUM(I) +a##I
#define LAB_START_TWO(I) Part a##I = {}, b##I = {};
#define LAB_LOAD_TWO(I) a##I += at[I], b##I += far[I];
#define LAB_SUM_TWO(I) +a##I + b##I
#define LAB_AHEAD_OF(AT, I) \
  if (I * sizeof(Part) % kLine == 0) __builtin_prefetch(reinterpret_cast<const char*>(AT + I) + kAhead);
#define LAB_AHEAD(I) LAB_AHEAD_OF(at, I)
#define LAB_AHEAD_TWO(I) LAB_AHEAD_OF(at, I) LAB_AHEAD_OF(far, I)
#define LAB_NOTHING(I)

#define LAB_READ_LOOP(NAME, ATTRIBUTES, WIDTH, EACH, STREAMS, START, AHEAD, LOAD, SUM)     \
  ATTRIBUTES uint64_t NAME(const void* data, size_t bytes) {                               \
    typedef uint64_t Part __attribute__((vector_size(WIDTH), aligned(WIDTH)));             \
    constexpr size_t step = LAB_COUNT(EACH);                                               \
    const Part* at = static_cast<const Part*>(data);                                       \
    const Part* end = at + bytes / sizeof(Part) / STREAMS;                                 \
    [[maybe_unused]] const Part* far = end;                                                \
    EACH(START)                                                                            \
    for (; at != end; at += step, far += step) {                                           \
      EACH(AHEAD)                                                                          \
      EACH(LOAD)                                                                           \
    }                                                                                      \
    Part all = Part{} EACH(SUM);                                                           \
    uint64_t sum = 0;                                                                      \
    for (size_t i = 0; i < sizeof(Part) / sizeof(uint64_t); ++i) sum += all[i];            \
    return sum;                                                                            \
  }

// The loops of one width: HALF and ALL of the accumulators that suit its registers.
#define LAB_READ_LOOPS(NAME, ATTRIBUTES, WIDTH, HALF, ALL)                                                    \
  LAB_READ_LOOP(NAME##_half, ATTRIBUTES, WIDTH, HALF, 1, LAB_START, LAB_NOTHING, LAB_LOAD, LAB_SUM)           \
  LAB_READ_LOOP(NAME##_half_ahead, ATTRIBUTES, WIDTH, HALF, 1, LAB_START, LAB_AHEAD, LAB_LOAD, LAB_SUM)       \
  LAB_READ_LOOP(NAME##_all, ATTRIBUTES, WIDTH, ALL, 1, LAB_START, LAB_NOTHING, LAB_LOAD, LAB_SUM)             \
  LAB_READ_LOOP(NAME##_all_ahead, ATTRIBUTES, WIDTH, ALL, 1, LAB_START, LAB_AHEAD, LAB_LOAD, LAB_SUM)         \
  LAB_READ_LOOP(NAME##_two, ATTRIBUTES, WIDTH, HALF, 2, LAB_START_TWO, LAB_NOTHING, LAB_LOAD_TWO, LAB_SUM_TWO) \
  LAB_READ_LOOP(NAME##_two_ahead, ATTRIBUTES, WIDTH, HALF, 2, LAB_START_TWO, LAB_AHEAD_TWO, LAB_LOAD_TWO, LAB_SUM_TWO)

// They as a list, with HALF_NAME and ALL_NAME as "4x32" and "8x32".
#define LAB_READ_LIST(NAME, ISA, HALF_NAME, ALL_NAME)           \
  {ISA " " ALL_NAME, NAME##_all},                               \
  {ISA " " HALF_NAME, NAME##_half},                             \
  {ISA " " ALL_NAME " prefetch", NAME##_all_ahead},             \
  {ISA " " HALF_NAME " prefetch", NAME##_half_ahead},           \
  {ISA " " ALL_NAME " 2 streams", NAME##_two},                  \
  {ISA " " ALL_NAME " 2 streams prefetch", NAME##_two_ahead}

#if defined(__x86_64__)
LAB_READ_LOOPS(avx512, __attribute__((target("avx512f"))), 64, LAB_FOUR, LAB_EIGHT)
LAB_READ_LOOPS(avx2, __attribute__((target("avx2"))), 32, LAB_FOUR, LAB_EIGHT)
LAB_READ_LOOPS(baseline, , 16, LAB_FOUR, LAB_EIGHT)
#else
LAB_READ_LOOPS(baseline, , 16, LAB_EIGHT, LAB_SIXTEEN)  // arm64: 32 registers of 16 bytes
#endif

}  // namespace

#if defined(__x86_64__)
std::vector<ReadLoop> read_loops(const std::vector<std::string>& features) {
  auto has = [&features](const char* name) {
    return std::binary_search(features.begin(), features.end(), std::string(name));
  };
  std::vector<ReadLoop> loops;
  auto add = [&loops](std::initializer_list<ReadLoop> more) { loops.insert(loops.end(), more); };
  if (has("avx512f")) add({LAB_READ_LIST(avx512, "avx512f", "4x64", "8x64")});
  if (has("avx2")) add({LAB_READ_LIST(avx2, "avx2", "4x32", "8x32")});
  add({LAB_READ_LIST(baseline, "sse2", "4x16", "8x16")});
  return loops;
}
#elif defined(__aarch64__)
std::vector<ReadLoop> read_loops(const std::vector<std::string>&) {
  return {LAB_READ_LIST(baseline, "neon", "8x16", "16x16")};
}
#else
std::vector<ReadLoop> read_loops(const std::vector<std::string>&) {
  return {LAB_READ_LIST(baseline, "portable", "8x16", "16x16")};
}
#endif

}  // namespace lab
