// Complex numbers of CUDA's cuComplex.h. Division and modulus scale their operands, so that no intermediate overflows.
#pragma once
#include "cuda_runtime.h"

typedef float2 cuFloatComplex;
typedef double2 cuDoubleComplex;
typedef cuFloatComplex cuComplex;

#define MUSL_COMPLEX(type, real, f, abs, sqrt) \
    static inline real cuCreal##f(type x) { return x.x; } \
    static inline real cuCimag##f(type x) { return x.y; } \
    static inline type cuConj##f(type x) { return type{x.x, -x.y}; } \
    static inline type cuCadd##f(type x, type y) { return type{x.x + y.x, x.y + y.y}; } \
    static inline type cuCsub##f(type x, type y) { return type{x.x - y.x, x.y - y.y}; } \
    static inline type cuCmul##f(type x, type y) { return type{x.x * y.x - x.y * y.y, x.x * y.y + x.y * y.x}; } \
    static inline type cuCdiv##f(type x, type y) { \
        real scale = 1 / (abs(y.x) + abs(y.y)); \
        real a = x.x * scale, b = x.y * scale, c = y.x * scale, d = y.y * scale; \
        real inverse = 1 / (c * c + d * d); \
        return type{(a * c + b * d) * inverse, (b * c - a * d) * inverse}; \
    } \
    static inline real cuCabs##f(type x) { \
        real a = abs(x.x), b = abs(x.y), most = a > b ? a : b, least = a > b ? b : a; \
        real ratio = least / most; \
        if (most == 0 || ::isinf(most) || ::isinf(least)) return a + b; \
        return most * sqrt(1 + ratio * ratio); \
    } \
    static inline type cuCfma##f(type x, type y, type d) { \
        real a = x.x * y.x + d.x, b = x.x * y.y + d.y; \
        return type{a - x.y * y.y, x.y * y.x + b}; \
    }
MUSL_COMPLEX(cuFloatComplex, float, f, fabsf, sqrtf)
MUSL_COMPLEX(cuDoubleComplex, double, , fabs, sqrt)
#undef MUSL_COMPLEX
static inline cuFloatComplex make_cuFloatComplex(float x, float y) { return cuFloatComplex{x, y}; }
static inline cuDoubleComplex make_cuDoubleComplex(double x, double y) { return cuDoubleComplex{x, y}; }
static inline cuComplex make_cuComplex(float x, float y) { return cuComplex{x, y}; }
static inline cuDoubleComplex cuComplexFloatToDouble(cuFloatComplex x) { return cuDoubleComplex{x.x, x.y}; }
static inline cuFloatComplex cuComplexDoubleToFloat(cuDoubleComplex x) { return cuFloatComplex{float(x.x), float(x.y)}; }
