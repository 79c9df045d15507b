// CUDA's mathematical functions and intrinsics that the C library does not have. Fast intrinsics (__expf, ...) compute the
// exactly rounded or library value: they are at least as exact as on a device, so callers compare with a tolerance.
#pragma once

// The overloads of CUDA's crt/math_functions.hpp, no more: what is ambiguous there is ambiguous here.
#define MUSL_MIN_MAX(result, left, right) \
    static inline result min(left a, right b) { return (result)(b) < (result)(a) ? (result)(b) : (result)(a); } \
    static inline result max(left a, right b) { return (result)(a) < (result)(b) ? (result)(b) : (result)(a); }
MUSL_MIN_MAX(int, int, int)
MUSL_MIN_MAX(unsigned int, unsigned int, unsigned int)
MUSL_MIN_MAX(unsigned int, int, unsigned int)
MUSL_MIN_MAX(unsigned int, unsigned int, int)
MUSL_MIN_MAX(long, long, long)
MUSL_MIN_MAX(unsigned long, unsigned long, unsigned long)
MUSL_MIN_MAX(unsigned long, long, unsigned long)
MUSL_MIN_MAX(unsigned long, unsigned long, long)
MUSL_MIN_MAX(long long, long long, long long)
MUSL_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
MUSL_MIN_MAX(unsigned long long, long long, unsigned long long)
MUSL_MIN_MAX(unsigned long long, unsigned long long, long long)
#undef MUSL_MIN_MAX
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }
static inline double min(float a, double b) { return fmin(a, b); }
static inline double max(float a, double b) { return fmax(a, b); }
static inline double min(double a, float b) { return fmin(a, b); }
static inline double max(double a, float b) { return fmax(a, b); }
static inline unsigned umin(unsigned a, unsigned b) { return min(a, b); }
static inline unsigned umax(unsigned a, unsigned b) { return max(a, b); }
static inline long long llmin(long long a, long long b) { return min(a, b); }
static inline long long llmax(long long a, long long b) { return max(a, b); }
static inline unsigned long long ullmin(unsigned long long a, unsigned long long b) { return min(a, b); }
static inline unsigned long long ullmax(unsigned long long a, unsigned long long b) { return max(a, b); }

// Functions that the C library lacks, for double and float; runtime/math.cpp defines those that take more than a line.
#define MUSL_FUNCTION1(name) \
    double name(double x); \
    float name##f(float x); \
    static inline float name(float x) { return name##f(x); }
MUSL_FUNCTION1(sinpi)
MUSL_FUNCTION1(cospi)
MUSL_FUNCTION1(normcdf)
MUSL_FUNCTION1(normcdfinv)
MUSL_FUNCTION1(erfinv)
MUSL_FUNCTION1(erfcinv)
MUSL_FUNCTION1(erfcx)
MUSL_FUNCTION1(cyl_bessel_i0)
MUSL_FUNCTION1(cyl_bessel_i1)
#undef MUSL_FUNCTION1
static inline double rsqrt(double x) { return 1 / ::sqrt(x); }
static inline float rsqrtf(float x) { return 1 / ::sqrt(x); }
static inline float rsqrt(float x) { return rsqrtf(x); }
static inline double rcbrt(double x) { return 1 / ::cbrt(x); }
static inline float rcbrtf(float x) { return 1 / ::cbrt(x); }
static inline float rcbrt(float x) { return rcbrtf(x); }
double norm3d(double a, double b, double c);
float norm3df(float a, float b, float c);
double norm4d(double a, double b, double c, double d);
float norm4df(float a, float b, float c, float d);
namespace musl {
double length(int dimension, const double *p);
float length(int dimension, const float *p);
}  // namespace musl
// nvcc lets a program define functions of these names and types itself: templates give way to them.
#define MUSL_YIELDING template <class = void>
MUSL_YIELDING double norm(int dimension, const double *p) { return musl::length(dimension, p); }
MUSL_YIELDING float normf(int dimension, const float *p) { return musl::length(dimension, p); }
MUSL_YIELDING double rnorm(int dimension, const double *p) { return 1 / musl::length(dimension, p); }
MUSL_YIELDING float rnormf(int dimension, const float *p) { return 1 / musl::length(dimension, p); }
MUSL_YIELDING float fdividef(float a, float b) { return a / b; }
MUSL_YIELDING double fdivide(double a, double b) { return a / b; }
#undef MUSL_YIELDING
static inline double rnorm3d(double a, double b, double c) { return 1 / norm3d(a, b, c); }
static inline float rnorm3df(float a, float b, float c) { return 1 / norm3df(a, b, c); }
static inline double rnorm4d(double a, double b, double c, double d) { return 1 / norm4d(a, b, c, d); }
static inline float rnorm4df(float a, float b, float c, float d) { return 1 / norm4df(a, b, c, d); }
static inline double rhypot(double a, double b) { return 1 / hypot(a, b); }
static inline float rhypotf(float a, float b) { return 1 / hypotf(a, b); }
static inline void sincospi(double x, double *s, double *c) { *s = sinpi(x), *c = cospi(x); }
static inline void sincospif(float x, float *s, float *c) { *s = sinpif(x), *c = cospif(x); }
static inline void sincospi(float x, float *s, float *c) { sincospif(x, s, c); }
static inline void sincos(float x, float *s, float *c) { *s = sinf(x), *c = cosf(x); }
static inline float exp10(float x) { return exp10f(x); }
static inline float j0(float x) { return j0f(x); }
static inline float j1(float x) { return j1f(x); }
static inline float jn(int n, float x) { return jnf(n, x); }
static inline float y0(float x) { return y0f(x); }
static inline float y1(float x) { return y1f(x); }
static inline float yn(int n, float x) { return ynf(n, x); }

static inline float __fdividef(float a, float b) { return a / b; }
// glibc declares functions of these names without giving them, hence macros.
#define __expf expf
#define __exp10f exp10f
#define __logf logf
#define __log2f log2f
#define __log10f log10f
#define __sinf sinf
#define __cosf cosf
#define __tanf tanf
#define __sincosf sincosf
#define __powf powf
#define __tanhf tanhf
static inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1) : 0; }
static inline float __frsqrt_rn(float x) { return float(1 / ::sqrt(double(x))); }

// Round to nearest; the other directions (_rz, _ru, _rd) are in intrinsics.h.
#define MUSL_ROUNDED(type, p) \
    static inline type __##p##add_rn(type a, type b) { return a + b; } \
    static inline type __##p##sub_rn(type a, type b) { return a - b; } \
    static inline type __##p##mul_rn(type a, type b) { return a * b; } \
    static inline type __##p##div_rn(type a, type b) { return a / b; } \
    static inline type __##p##rcp_rn(type a) { return 1 / a; } \
    static inline type __##p##sqrt_rn(type a) { return ::sqrt(a); }
MUSL_ROUNDED(float, f)
MUSL_ROUNDED(double, d)
#undef MUSL_ROUNDED
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }

// Conversions saturate, and NaN becomes 0, as on a device (PTX ISA, cvt).
namespace musl {
template <class Integer, class Real>
Integer to_integer(Real x) {
    constexpr Integer low = Integer(1) << (sizeof(Integer) * 8 - 1);
    constexpr bool is_signed = Integer(-1) < Integer(0);
    constexpr Integer least = is_signed ? low : Integer(0), most = is_signed ? Integer(~low) : Integer(~Integer(0));
    if (x != x) return 0;
    if (x <= Real(least)) return least;
    if (x >= Real(most)) return most;
    return Integer(x);
}
}  // namespace musl
#define MUSL_CONVERT(real, name, integer, suffix) \
    static inline integer __##name##2##suffix##_rn(real x) { return musl::to_integer<integer>(::nearbyint(x)); } \
    static inline integer __##name##2##suffix##_rz(real x) { return musl::to_integer<integer>(::trunc(x)); } \
    static inline integer __##name##2##suffix##_ru(real x) { return musl::to_integer<integer>(::ceil(x)); } \
    static inline integer __##name##2##suffix##_rd(real x) { return musl::to_integer<integer>(::floor(x)); }
#define MUSL_CONVERTS(real, name) \
    MUSL_CONVERT(real, name, int, int) \
    MUSL_CONVERT(real, name, unsigned int, uint) \
    MUSL_CONVERT(real, name, long long, ll) \
    MUSL_CONVERT(real, name, unsigned long long, ull)
MUSL_CONVERTS(float, float)
MUSL_CONVERTS(double, double)
#undef MUSL_CONVERTS
#undef MUSL_CONVERT
static inline float __int2float_rn(int x) { return float(x); }
static inline float __uint2float_rn(unsigned x) { return float(x); }
static inline float __ll2float_rn(long long x) { return float(x); }
static inline float __ull2float_rn(unsigned long long x) { return float(x); }
static inline double __int2double_rn(int x) { return x; }
static inline double __uint2double_rn(unsigned x) { return x; }
static inline double __ll2double_rn(long long x) { return double(x); }
static inline double __ull2double_rn(unsigned long long x) { return double(x); }
static inline float __double2float_rn(double x) { return float(x); }

namespace musl {
template <class To, class From>
To bit_cast(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    __builtin_memcpy(&to, &from, sizeof(To));
    return to;
}
}  // namespace musl
static inline int __float_as_int(float x) { return musl::bit_cast<int>(x); }
static inline unsigned __float_as_uint(float x) { return musl::bit_cast<unsigned>(x); }
static inline float __int_as_float(int x) { return musl::bit_cast<float>(x); }
static inline float __uint_as_float(unsigned x) { return musl::bit_cast<float>(x); }
static inline long long __double_as_longlong(double x) { return musl::bit_cast<long long>(x); }
static inline double __longlong_as_double(long long x) { return musl::bit_cast<double>(x); }
static inline int __double2loint(double x) { return int(musl::bit_cast<long long>(x)); }
static inline int __double2hiint(double x) { return int(musl::bit_cast<long long>(x) >> 32); }
static inline double __hiloint2double(int high, int low) {
    return musl::bit_cast<double>((unsigned long long)(unsigned(high)) << 32 | unsigned(low));
}

static inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
static inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)(x)) : 64; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline unsigned __brev(unsigned x) {
    unsigned r = 0;
    for (int i = 0; i < 32; i++) r |= (x >> i & 1u) << (31 - i);
    return r;
}
static inline unsigned long long __brevll(unsigned long long x) {
    return (unsigned long long)(__brev(unsigned(x))) << 32 | __brev(unsigned(x >> 32));
}
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned s) {
    unsigned long long bytes = (unsigned long long)(y) << 32 | x;
    unsigned r = 0;
    for (int i = 0; i < 4; i++) r |= unsigned(bytes >> (8 * (s >> (4 * i) & 7)) & 0xff) << (8 * i);
    return r;
}
static inline int __mul24(int a, int b) {
    return int((long long)(int(unsigned(a) << 8) >> 8) * (int(unsigned(b) << 8) >> 8));
}
static inline unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffff) * (b & 0xffffff); }
static inline int __mulhi(int a, int b) { return int((long long)(a) * b >> 32); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((unsigned long long)(a) * b >> 32); }
static inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)(a) * b >> 64); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)(a) * b >> 64);
}
static inline unsigned __sad(int a, int b, unsigned c) {
    return c + (a < b ? unsigned(b) - unsigned(a) : unsigned(a) - unsigned(b));
}
static inline unsigned __usad(unsigned a, unsigned b, unsigned c) { return c + (a < b ? b - a : a - b); }
static inline int __hadd(int a, int b) { return int(((long long)(a) + b) >> 1); }
static inline int __rhadd(int a, int b) { return int(((long long)(a) + b + 1) >> 1); }
static inline unsigned __urhadd(unsigned a, unsigned b) { return unsigned(((unsigned long long)(a) + b + 1) >> 1); }
static inline unsigned __uhadd(unsigned a, unsigned b) { return unsigned(((unsigned long long)(a) + b) >> 1); }
static inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
    return unsigned(((unsigned long long)(high) << 32 | low) << (shift & 31) >> 32);
}
static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return unsigned(((unsigned long long)(high) << 32 | low) >> (shift & 31));
}

// Shifts by more than 32 bits count as 32.
static inline unsigned __funnelshift_lc(unsigned low, unsigned high, unsigned shift) {
    return shift >= 32 ? low : __funnelshift_l(low, high, shift);
}
static inline unsigned __funnelshift_rc(unsigned low, unsigned high, unsigned shift) {
    return shift >= 32 ? high : __funnelshift_r(low, high, shift);
}

template <class T>
T __ldg(const T *address) {
    return *address;
}
// Loads and stores with a hint for the caches.
#define MUSL_LOAD(name) \
    template <class T> \
    T name(const T *address) { \
        return *address; \
    }
MUSL_LOAD(__ldcg)
MUSL_LOAD(__ldca)
MUSL_LOAD(__ldcs)
MUSL_LOAD(__ldlu)
MUSL_LOAD(__ldcv)
#undef MUSL_LOAD
#define MUSL_STORE(name) \
    template <class T> \
    void name(T *address, T value) { \
        *address = value; \
    }
MUSL_STORE(__stcs)
MUSL_STORE(__stcg)
MUSL_STORE(__stwb)
MUSL_STORE(__stwt)
#undef MUSL_STORE
