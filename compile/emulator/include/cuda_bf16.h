// The format bfloat16: NVIDIA's cuda_bf16.h on the CPU.
#pragma once
#include "cuda_fp16.h"

#ifdef __CUDA_NO_BFLOAT16_CONVERSIONS__
#define MUSL_NO_CONVERSIONS
#endif
#ifdef __CUDA_NO_BFLOAT16_OPERATORS__
#define MUSL_NO_OPERATORS
#endif
#define MUSL_T __nv_bfloat16
#define MUSL_T2 __nv_bfloat162
#define MUSL_N bfloat16
#define MUSL_WIDEN musl::bfloat16_to_float
#define MUSL_NARROW musl::float_to_bfloat16
#define MUSL_ROUND musl::round_to_bfloat16
#include "musl/narrow_float.h"
#undef MUSL_NO_CONVERSIONS
#undef MUSL_NO_OPERATORS

typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

#define CUDART_INF_BF16 __ushort_as_bfloat16((unsigned short)0x7F80U)
#define CUDART_NAN_BF16 __ushort_as_bfloat16((unsigned short)0x7FFFU)
#define CUDART_MAX_NORMAL_BF16 __ushort_as_bfloat16((unsigned short)0x7F7FU)
#define CUDART_NEG_ZERO_BF16 __ushort_as_bfloat16((unsigned short)0x8000U)
#define CUDART_ZERO_BF16 __ushort_as_bfloat16((unsigned short)0x0000U)
#define CUDART_ONE_BF16 __ushort_as_bfloat16((unsigned short)0x3F80U)
