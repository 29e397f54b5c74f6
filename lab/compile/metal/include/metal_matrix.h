// Metal's 8x8 matrices that a SIMD group holds together.
#pragma once

namespace metal {
template <typename T, int Columns, int Rows> struct simdgroup_matrix {
  static_assert(Columns == 8 && Rows == 8, "a SIMD group's matrix is 8x8");
  simdgroup_matrix() thread = default;
  simdgroup_matrix(const thread simdgroup_matrix&) thread;
  thread simdgroup_matrix& operator=(simdgroup_matrix) thread;
  T part[2];  // of this thread
};
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;

template <typename T, int Columns, int Rows> simdgroup_matrix<T, Columns, Rows> make_filled_simdgroup_matrix(T);
template <typename T, int Columns, int Rows> simdgroup_matrix<T, Columns, Rows> make_diagonal_simdgroup_matrix(T);

#define METAL_MATRIX(T, SPACE)                                                                                       \
  void simdgroup_load(thread simdgroup_matrix<T, 8, 8>&, const SPACE T*, ulong elements_per_row = 8,                 \
                      ulong2 origin = 0, bool transposed = false);                                                   \
  void simdgroup_store(const thread simdgroup_matrix<T, 8, 8>&, SPACE T*, ulong elements_per_row = 8,                \
                       ulong2 origin = 0, bool transposed = false);
METAL_MATRIX(half, device)
METAL_MATRIX(half, threadgroup)
METAL_MATRIX(float, device)
METAL_MATRIX(float, threadgroup)

template <typename D, typename A, typename B>
void simdgroup_multiply(thread simdgroup_matrix<D, 8, 8>&, const thread simdgroup_matrix<A, 8, 8>&,
                        const thread simdgroup_matrix<B, 8, 8>&);
template <typename D, typename A, typename B, typename C>
void simdgroup_multiply_accumulate(thread simdgroup_matrix<D, 8, 8>&, const thread simdgroup_matrix<A, 8, 8>&,
                                   const thread simdgroup_matrix<B, 8, 8>&, const thread simdgroup_matrix<C, 8, 8>&);
}  // namespace metal
