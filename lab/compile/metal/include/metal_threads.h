// Metal's functions of threads: barriers, and what the threads of a SIMD group tell one another.
#pragma once

namespace metal {
enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2, mem_texture = 4, mem_threadgroup_imageblock = 8 };

void threadgroup_barrier(mem_flags);
void simdgroup_barrier(mem_flags);

// Not for 64-bit integers: SIMD groups pass at most 32 bits.
#define METAL_SIMD(T)                                                                                   \
  T simd_shuffle(T, ushort); T simd_shuffle_down(T, ushort); T simd_shuffle_up(T, ushort);              \
  T simd_shuffle_xor(T, ushort); T simd_broadcast(T, ushort); T simd_broadcast_first(T);                \
  T simd_sum(T); T simd_product(T); T simd_min(T); T simd_max(T);                                       \
  T simd_prefix_inclusive_sum(T); T simd_prefix_exclusive_sum(T);
#define METAL_SIMD_BITS(T) T simd_and(T); T simd_or(T); T simd_xor(T);

METAL_FLOATS(METAL_SIMD)
METAL_WIDE(METAL_SIMD, char)
METAL_WIDE(METAL_SIMD, uchar)
METAL_WIDE(METAL_SIMD, short)
METAL_WIDE(METAL_SIMD, ushort)
METAL_WIDE(METAL_SIMD, int)
METAL_WIDE(METAL_SIMD, uint)
METAL_WIDE(METAL_SIMD_BITS, int)
METAL_WIDE(METAL_SIMD_BITS, uint)

bool simd_all(bool);
bool simd_any(bool);
bool simd_is_first();
}  // namespace metal
