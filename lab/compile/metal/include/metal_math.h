// Metal's functions of numbers: one overload a type, so that a call which is ambiguous in Metal is ambiguous here.
#pragma once

#define METAL_WIDE(EACH, T) EACH(T) EACH(T##2) EACH(T##3) EACH(T##4)
#define METAL_FLOATS(EACH) METAL_WIDE(EACH, half) METAL_WIDE(EACH, float)
#define METAL_INTEGERS(EACH)                                                                            \
  METAL_WIDE(EACH, char) METAL_WIDE(EACH, uchar) METAL_WIDE(EACH, short) METAL_WIDE(EACH, ushort)       \
  METAL_WIDE(EACH, int) METAL_WIDE(EACH, uint) METAL_WIDE(EACH, long) METAL_WIDE(EACH, ulong)

#define METAL_ONE(T)                                                                                    \
  T acos(T); T asin(T); T atan(T); T ceil(T); T cos(T); T cosh(T); T exp(T); T exp2(T); T exp10(T);     \
  T fabs(T); T abs(T); T floor(T); T fract(T); T log(T); T log2(T); T log10(T); T rint(T); T round(T);  \
  T rsqrt(T); T saturate(T); T sign(T); T sin(T); T sinh(T); T sqrt(T); T tan(T); T tanh(T); T trunc(T);
#define METAL_TWO(T)                                                                                    \
  T atan2(T, T); T copysign(T, T); T fdim(T, T); T fmax(T, T); T fmin(T, T); T fmod(T, T);              \
  T max(T, T); T min(T, T); T pow(T, T); T powr(T, T); T step(T, T);
#define METAL_THREE(T) T clamp(T, T, T); T fma(T, T, T); T mix(T, T, T); T smoothstep(T, T, T);
#define METAL_OF_FLOATS(T) METAL_ONE(T) METAL_TWO(T) METAL_THREE(T)
#define METAL_OF_INTEGERS(T)                                                                            \
  T abs(T); T max(T, T); T min(T, T); T clamp(T, T, T); T clz(T); T ctz(T); T popcount(T);              \
  T mulhi(T, T); T absdiff(T, T); T rotate(T, T);
#define METAL_TEST(T) bool isnan(T); bool isinf(T); bool isfinite(T); bool signbit(T); T select(T, T, bool);
#define METAL_CHOICE(T) T select(T, T, bool);
// A comparison of vectors gives bools in Metal, and in clang integers as wide as what was compared.
#define METAL_CHOICES(T, B) T##2 select(T##2, T##2, B##2); T##3 select(T##3, T##3, B##3); T##4 select(T##4, T##4, B##4);
#define METAL_DOT(T) T dot(T##2, T##2); T dot(T##3, T##3); T dot(T##4, T##4);

namespace metal {
METAL_FLOATS(METAL_OF_FLOATS)
METAL_INTEGERS(METAL_OF_INTEGERS)
METAL_TEST(half)
METAL_TEST(float)
METAL_CHOICE(int)
METAL_CHOICE(uint)
METAL_CHOICES(half, short)
METAL_CHOICES(float, int)
METAL_DOT(half)
METAL_DOT(float)

namespace precise { METAL_WIDE(METAL_OF_FLOATS, float) }
namespace fast { METAL_WIDE(METAL_OF_FLOATS, float) }
}  // namespace metal
