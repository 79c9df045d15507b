// Half precision: NVIDIA's cuda_fp16.h on the CPU.
#pragma once
#include "musl/narrow.h"

#ifdef __CUDA_NO_HALF_CONVERSIONS__
#define MUSL_NO_CONVERSIONS
#endif
#ifdef __CUDA_NO_HALF_OPERATORS__
#define MUSL_NO_OPERATORS
#endif
#define MUSL_T __half
#define MUSL_T2 __half2
#define MUSL_N half
#define MUSL_WIDEN musl::half_to_float
#define MUSL_NARROW musl::float_to_half
#define MUSL_ROUND musl::round_to_half
#include "musl/narrow_float.h"
#undef MUSL_NO_CONVERSIONS
#undef MUSL_NO_OPERATORS

typedef __half half;
typedef __half2 half2;
typedef __half __nv_half;
typedef __half2 __nv_half2;

#define CUDART_INF_FP16 __ushort_as_half((unsigned short)0x7C00U)
#define CUDART_NAN_FP16 __ushort_as_half((unsigned short)0x7FFFU)
#define CUDART_MIN_DENORM_FP16 __ushort_as_half((unsigned short)0x0001U)
#define CUDART_MAX_NORMAL_FP16 __ushort_as_half((unsigned short)0x7BFFU)
#define CUDART_NEG_ZERO_FP16 __ushort_as_half((unsigned short)0x8000U)
#define CUDART_ZERO_FP16 __ushort_as_half((unsigned short)0x0000U)
#define CUDART_ONE_FP16 __ushort_as_half((unsigned short)0x3C00U)
