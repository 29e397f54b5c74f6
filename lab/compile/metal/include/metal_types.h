// Metal's words and types for clang's "C++ for OpenCL" mode, whose address spaces and vectors are the same in kind.
#pragma once
#pragma OPENCL EXTENSION cl_khr_fp16 : enable

#define device __global
#define constant __constant
#define threadgroup __local
#define thread __private
#define kernel __kernel

// Words of OpenCL that are ordinary names in Metal, and words of Metal that a kernel here has no use for.
#define global metal_name_global
#define local metal_name_local
#define private metal_name_private
#define generic metal_name_generic
#define pipe metal_name_pipe
#define vertex @
#define fragment @

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef ulong size_t;
typedef long ptrdiff_t;
typedef char int8_t;
typedef uchar uint8_t;
typedef short int16_t;
typedef ushort uint16_t;
typedef int int32_t;
typedef uint uint32_t;
typedef long int64_t;
typedef ulong uint64_t;

#define METAL_VECTORS(T)                                  \
  typedef T T##2 __attribute__((ext_vector_type(2)));     \
  typedef T T##3 __attribute__((ext_vector_type(3)));     \
  typedef T T##4 __attribute__((ext_vector_type(4)));     \
  struct packed_##T##2 { T x, y; };                       \
  struct packed_##T##3 { T x, y, z; };                    \
  struct packed_##T##4 { T x, y, z, w; };

namespace metal {
METAL_VECTORS(char)
METAL_VECTORS(uchar)
METAL_VECTORS(short)
METAL_VECTORS(ushort)
METAL_VECTORS(int)
METAL_VECTORS(uint)
METAL_VECTORS(long)
METAL_VECTORS(ulong)
METAL_VECTORS(half)
METAL_VECTORS(float)

template <typename V> struct lanes { enum { count = __is_arithmetic(V) ? 1 : 0 }; };
template <typename T, int N> struct lanes<T __attribute__((ext_vector_type(N)))> { enum { count = N }; };

// V(a, b, c, d), V(half_of_it, the_rest), and V(x) of one number or of a vector of another type.
template <typename V, typename... Parts> V made(Parts...) {
  enum { given = (int(lanes<Parts>::count) + ...), one_number = sizeof...(Parts) == 1 && given == 1 };
  static_assert(given == int(lanes<V>::count) || one_number, "a vector is made of as many numbers as it has lanes");
  return V();
}

// ((V)x) of vectors, which clang takes for a change of type without a change of bits, is given as (conversion<V>() = x).
template <typename V> struct conversion {
  template <typename S> V operator=(S x) { return made<V>(x); }
};

template <typename To, typename From> To as_type(From x) {
  static_assert(sizeof(To) == sizeof(From), "as_type keeps the size");
  return __builtin_bit_cast(To, x);
}
}  // namespace metal

#define char2(...) made<char2>(__VA_ARGS__)
#define char3(...) made<char3>(__VA_ARGS__)
#define char4(...) made<char4>(__VA_ARGS__)
#define uchar2(...) made<uchar2>(__VA_ARGS__)
#define uchar3(...) made<uchar3>(__VA_ARGS__)
#define uchar4(...) made<uchar4>(__VA_ARGS__)
#define short2(...) made<short2>(__VA_ARGS__)
#define short3(...) made<short3>(__VA_ARGS__)
#define short4(...) made<short4>(__VA_ARGS__)
#define ushort2(...) made<ushort2>(__VA_ARGS__)
#define ushort3(...) made<ushort3>(__VA_ARGS__)
#define ushort4(...) made<ushort4>(__VA_ARGS__)
#define int2(...) made<int2>(__VA_ARGS__)
#define int3(...) made<int3>(__VA_ARGS__)
#define int4(...) made<int4>(__VA_ARGS__)
#define uint2(...) made<uint2>(__VA_ARGS__)
#define uint3(...) made<uint3>(__VA_ARGS__)
#define uint4(...) made<uint4>(__VA_ARGS__)
#define long2(...) made<long2>(__VA_ARGS__)
#define long3(...) made<long3>(__VA_ARGS__)
#define long4(...) made<long4>(__VA_ARGS__)
#define ulong2(...) made<ulong2>(__VA_ARGS__)
#define ulong3(...) made<ulong3>(__VA_ARGS__)
#define ulong4(...) made<ulong4>(__VA_ARGS__)
#define half2(...) made<half2>(__VA_ARGS__)
#define half3(...) made<half3>(__VA_ARGS__)
#define half4(...) made<half4>(__VA_ARGS__)
#define float2(...) made<float2>(__VA_ARGS__)
#define float3(...) made<float3>(__VA_ARGS__)
#define float4(...) made<float4>(__VA_ARGS__)
