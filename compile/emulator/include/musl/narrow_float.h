// One 16-bit floating-point type with its pair and CUDA's functions on them. cuda_fp16.h and cuda_bf16.h include this file,
// each with macros for the names: MUSL_T (__half), MUSL_T2 (__half2), MUSL_N (half), and MUSL_WIDEN and MUSL_NARROW, which
// convert bits to float and a float to bits.
//
// Every operation is computed in float and rounded once more to nearest even: with at least twice the digits and two more,
// that is the exactly rounded result for + - * / and the square root (S. Figueroa, "When is double rounding innocuous?",
// SIGNUM Newsletter 30, 1995). fma is rounded once, by musl::narrow_fma. There is no include guard.

#define MUSL_PASTE(a, n, b) a##n##b
#define MUSL_PASTE2(a, n, b, m, c) a##n##b##m##c
#define MUSL_EXPAND(a, n, b) MUSL_PASTE(a, n, b)
#define MUSL_EXPAND2(a, n, b, m, c) MUSL_PASTE2(a, n, b, m, c)
#define MUSL_JOIN(a, b) MUSL_EXPAND(a, MUSL_N, b)            // __float2 + half + _rn
#define MUSL_JOIN2(a, b, c) MUSL_EXPAND2(a, MUSL_N, b, MUSL_N, c)  // __ + half + 2 + half + 2
#define MUSL_RAW MUSL_EXPAND(, MUSL_T, _raw)
#define MUSL_RAW2 MUSL_EXPAND(, MUSL_T2, _raw)
#define MUSL_FUNCTION static inline __attribute__((unused))

struct MUSL_RAW {
    unsigned short x;
};
struct MUSL_RAW2 {
    unsigned short x, y;
};

struct alignas(2) MUSL_T {
   protected:
    unsigned short __x;

   public:
    MUSL_T() = default;
    constexpr MUSL_T(const MUSL_RAW &raw) : __x(raw.x) {}
    MUSL_T &operator=(const MUSL_RAW &raw) { return __x = raw.x, *this; }
    operator MUSL_RAW() const { return MUSL_RAW{__x}; }
    operator MUSL_RAW() const volatile { return MUSL_RAW{__x}; }
#ifndef MUSL_NO_CONVERSIONS
    MUSL_T(float f) : __x(MUSL_NARROW(f)) {}
    MUSL_T(double f) : __x(MUSL_ROUND(f, musl::NEAREST)) {}
    MUSL_T(short v) : __x(MUSL_NARROW(v)) {}
    MUSL_T(unsigned short v) : __x(MUSL_NARROW(v)) {}
    MUSL_T(int v) : __x(MUSL_ROUND(v, musl::NEAREST)) {}
    MUSL_T(unsigned int v) : __x(MUSL_ROUND(v, musl::NEAREST)) {}
    MUSL_T(long v) : __x(MUSL_ROUND(v, musl::NEAREST)) {}
    MUSL_T(unsigned long v) : __x(MUSL_ROUND(v, musl::NEAREST)) {}
    MUSL_T(long long v) : __x(MUSL_ROUND(v, musl::NEAREST)) {}
    MUSL_T(unsigned long long v) : __x(MUSL_ROUND(v, musl::NEAREST)) {}
    operator float() const { return MUSL_WIDEN(__x); }
#define MUSL_CONVERSION(type) \
    operator type() const { return musl::to_integer<type>(::trunc(MUSL_WIDEN(__x))); } \
    MUSL_T &operator=(type v) { return *this = MUSL_T(v); }
    MUSL_CONVERSION(short)
    MUSL_CONVERSION(unsigned short)
    MUSL_CONVERSION(int)
    MUSL_CONVERSION(unsigned int)
    MUSL_CONVERSION(long long)
    MUSL_CONVERSION(unsigned long long)
#undef MUSL_CONVERSION
    operator char() const { return musl::to_integer<char>(::trunc(MUSL_WIDEN(__x))); }
    operator signed char() const { return musl::to_integer<signed char>(::trunc(MUSL_WIDEN(__x))); }
    operator unsigned char() const { return musl::to_integer<unsigned char>(::trunc(MUSL_WIDEN(__x))); }
    operator long() const { return musl::to_integer<long>(::trunc(MUSL_WIDEN(__x))); }
    operator unsigned long() const { return musl::to_integer<unsigned long>(::trunc(MUSL_WIDEN(__x))); }
    constexpr operator bool() const { return (__x & 0x7fff) != 0; }
    MUSL_T &operator=(float f) { return *this = MUSL_T(f); }
    MUSL_T &operator=(double f) { return *this = MUSL_T(f); }
#endif
};
struct alignas(4) MUSL_T2 {
    MUSL_T x, y;
    MUSL_T2() = default;
    constexpr MUSL_T2(const MUSL_T &a, const MUSL_T &b) : x(a), y(b) {}
    MUSL_T2(const MUSL_RAW2 &raw) : x(MUSL_RAW{raw.x}), y(MUSL_RAW{raw.y}) {}
    operator MUSL_RAW2() const { return MUSL_RAW2{MUSL_RAW(x).x, MUSL_RAW(y).x}; }
};

// ---- conversions
MUSL_FUNCTION MUSL_T MUSL_JOIN(__ushort_as_, )(unsigned short bits) { return MUSL_RAW{bits}; }
MUSL_FUNCTION MUSL_T MUSL_JOIN(__short_as_, )(short bits) { return MUSL_RAW{(unsigned short)(bits)}; }
MUSL_FUNCTION unsigned short MUSL_JOIN(__, _as_ushort)(MUSL_T a) { return MUSL_RAW(a).x; }
MUSL_FUNCTION short MUSL_JOIN(__, _as_short)(MUSL_T a) { return short(MUSL_RAW(a).x); }
MUSL_FUNCTION float MUSL_JOIN(__, 2float)(MUSL_T a) { return MUSL_WIDEN(MUSL_RAW(a).x); }
MUSL_FUNCTION MUSL_T MUSL_JOIN(__float2, )(float a) { return MUSL_RAW{MUSL_NARROW(a)}; }
MUSL_FUNCTION MUSL_T MUSL_JOIN(__float2, _rn)(float a) { return MUSL_RAW{MUSL_NARROW(a)}; }
MUSL_FUNCTION MUSL_T MUSL_JOIN(__float2, _rz)(float a) { return MUSL_RAW{MUSL_ROUND(a, musl::TO_ZERO)}; }
MUSL_FUNCTION MUSL_T MUSL_JOIN(__float2, _ru)(float a) { return MUSL_RAW{MUSL_ROUND(a, musl::UP)}; }
MUSL_FUNCTION MUSL_T MUSL_JOIN(__float2, _rd)(float a) { return MUSL_RAW{MUSL_ROUND(a, musl::DOWN)}; }
MUSL_FUNCTION MUSL_T MUSL_JOIN(__double2, )(double a) { return MUSL_RAW{MUSL_ROUND(a, musl::NEAREST)}; }
#define MUSL_INTEGER(type, name) \
    MUSL_FUNCTION MUSL_T MUSL_JOIN(__##name##2, _rn)(type i) { return MUSL_RAW{MUSL_ROUND(i, musl::NEAREST)}; } \
    MUSL_FUNCTION MUSL_T MUSL_JOIN(__##name##2, _rz)(type i) { return MUSL_RAW{MUSL_ROUND(i, musl::TO_ZERO)}; } \
    MUSL_FUNCTION MUSL_T MUSL_JOIN(__##name##2, _ru)(type i) { return MUSL_RAW{MUSL_ROUND(i, musl::UP)}; } \
    MUSL_FUNCTION MUSL_T MUSL_JOIN(__##name##2, _rd)(type i) { return MUSL_RAW{MUSL_ROUND(i, musl::DOWN)}; } \
    MUSL_FUNCTION type MUSL_JOIN(__, 2##name##_rn)(MUSL_T a) { \
        return musl::to_integer<type>(::nearbyint(MUSL_JOIN(__, 2float)(a))); \
    } \
    MUSL_FUNCTION type MUSL_JOIN(__, 2##name##_rz)(MUSL_T a) { \
        return musl::to_integer<type>(::trunc(MUSL_JOIN(__, 2float)(a))); \
    } \
    MUSL_FUNCTION type MUSL_JOIN(__, 2##name##_ru)(MUSL_T a) { \
        return musl::to_integer<type>(::ceil(MUSL_JOIN(__, 2float)(a))); \
    } \
    MUSL_FUNCTION type MUSL_JOIN(__, 2##name##_rd)(MUSL_T a) { \
        return musl::to_integer<type>(::floor(MUSL_JOIN(__, 2float)(a))); \
    }
MUSL_INTEGER(short, short)
MUSL_INTEGER(unsigned short, ushort)
MUSL_INTEGER(int, int)
MUSL_INTEGER(unsigned int, uint)
MUSL_INTEGER(long long, ll)
MUSL_INTEGER(unsigned long long, ull)
#undef MUSL_INTEGER
MUSL_FUNCTION signed char MUSL_JOIN(__, 2char_rz)(MUSL_T a) {
    return musl::to_integer<signed char>(::trunc(MUSL_JOIN(__, 2float)(a)));
}
MUSL_FUNCTION unsigned char MUSL_JOIN(__, 2uchar_rz)(MUSL_T a) {
    return musl::to_integer<unsigned char>(::trunc(MUSL_JOIN(__, 2float)(a)));
}

// ---- pairs
MUSL_FUNCTION MUSL_T2 MUSL_JOIN(make_, 2)(MUSL_T a, MUSL_T b) { return MUSL_T2(a, b); }
MUSL_FUNCTION MUSL_T2 MUSL_JOIN(__halves2, 2)(MUSL_T a, MUSL_T b) { return MUSL_T2(a, b); }
MUSL_FUNCTION MUSL_T2 MUSL_JOIN2(__, 2, 2)(MUSL_T a) { return MUSL_T2(a, a); }
MUSL_FUNCTION MUSL_T2 MUSL_JOIN(__float2, 2_rn)(float a) { return MUSL_JOIN2(__, 2, 2)(MUSL_JOIN(__float2, )(a)); }
MUSL_FUNCTION MUSL_T2 MUSL_JOIN(__floats2, 2_rn)(float a, float b) {
    return MUSL_T2(MUSL_JOIN(__float2, )(a), MUSL_JOIN(__float2, )(b));
}
MUSL_FUNCTION MUSL_T2 MUSL_JOIN(__float22, 2_rn)(float2 a) { return MUSL_JOIN(__floats2, 2_rn)(a.x, a.y); }
MUSL_FUNCTION float2 MUSL_JOIN(__, 22float2)(MUSL_T2 a) {
    return float2{MUSL_JOIN(__, 2float)(a.x), MUSL_JOIN(__, 2float)(a.y)};
}
MUSL_FUNCTION float __low2float(MUSL_T2 a) { return MUSL_JOIN(__, 2float)(a.x); }
MUSL_FUNCTION float __high2float(MUSL_T2 a) { return MUSL_JOIN(__, 2float)(a.y); }
MUSL_FUNCTION MUSL_T MUSL_JOIN(__low2, )(MUSL_T2 a) { return a.x; }
MUSL_FUNCTION MUSL_T MUSL_JOIN(__high2, )(MUSL_T2 a) { return a.y; }
MUSL_FUNCTION MUSL_T2 MUSL_JOIN(__low2, 2)(MUSL_T2 a) { return MUSL_T2(a.x, a.x); }
MUSL_FUNCTION MUSL_T2 MUSL_JOIN(__high2, 2)(MUSL_T2 a) { return MUSL_T2(a.y, a.y); }
MUSL_FUNCTION MUSL_T2 MUSL_JOIN(__lows2, 2)(MUSL_T2 a, MUSL_T2 b) { return MUSL_T2(a.x, b.x); }
MUSL_FUNCTION MUSL_T2 MUSL_JOIN(__highs2, 2)(MUSL_T2 a, MUSL_T2 b) { return MUSL_T2(a.y, b.y); }
MUSL_FUNCTION MUSL_T2 __lowhigh2highlow(MUSL_T2 a) { return MUSL_T2(a.y, a.x); }

// ---- arithmetic: each function on one, and on the two of a pair
#define MUSL_F(a) MUSL_JOIN(__, 2float)(a)
#define MUSL_ROUNDED(value) MUSL_JOIN(__float2, )(value)
#define MUSL_BINARY(name, name2, expression) \
    MUSL_FUNCTION MUSL_T name(MUSL_T p, MUSL_T q) { \
        float a = MUSL_F(p), b = MUSL_F(q); \
        return MUSL_ROUNDED(expression); \
    } \
    MUSL_FUNCTION MUSL_T2 name2(MUSL_T2 p, MUSL_T2 q) { return MUSL_T2(name(p.x, q.x), name(p.y, q.y)); }
MUSL_BINARY(__hadd, __hadd2, a + b)
MUSL_BINARY(__hsub, __hsub2, a - b)
MUSL_BINARY(__hmul, __hmul2, a *b)
MUSL_BINARY(__hdiv, __h2div, a / b)
MUSL_BINARY(__hadd_rn, __hadd2_rn, a + b)
MUSL_BINARY(__hsub_rn, __hsub2_rn, a - b)
MUSL_BINARY(__hmul_rn, __hmul2_rn, a *b)
MUSL_BINARY(__hadd_sat, __hadd2_sat, __saturatef(a + b))
MUSL_BINARY(__hsub_sat, __hsub2_sat, __saturatef(a - b))
MUSL_BINARY(__hmul_sat, __hmul2_sat, __saturatef(a *b))
MUSL_BINARY(__hmax, __hmax2, a == b ? (::signbit(a) ? b : a) : fmaxf(a, b))
MUSL_BINARY(__hmin, __hmin2, a == b ? (::signbit(a) ? a : b) : fminf(a, b))
MUSL_BINARY(__hmax_nan, __hmax2_nan, a != a || b != b ? a + b : MUSL_F(__hmax(p, q)))
MUSL_BINARY(__hmin_nan, __hmin2_nan, a != a || b != b ? a + b : MUSL_F(__hmin(p, q)))
#undef MUSL_BINARY
#define MUSL_TERNARY(name, name2, expression) \
    MUSL_FUNCTION MUSL_T name(MUSL_T a, MUSL_T b, MUSL_T c) { \
        MUSL_T r = MUSL_RAW{MUSL_ROUND(musl::narrow_fma(MUSL_F(a), MUSL_F(b), MUSL_F(c)), musl::NEAREST)}; \
        return expression; \
    } \
    MUSL_FUNCTION MUSL_T2 name2(MUSL_T2 a, MUSL_T2 b, MUSL_T2 c) { \
        return MUSL_T2(name(a.x, b.x, c.x), name(a.y, b.y, c.y)); \
    }
MUSL_TERNARY(__hfma, __hfma2, r)
MUSL_TERNARY(__hfma_sat, __hfma2_sat, MUSL_ROUNDED(__saturatef(MUSL_F(r))))
MUSL_TERNARY(__hfma_relu, __hfma2_relu, __hmax_nan(r, MUSL_ROUNDED(0)))
#undef MUSL_TERNARY
MUSL_FUNCTION MUSL_T2 __hcmadd(MUSL_T2 a, MUSL_T2 b, MUSL_T2 c) {  // complex
    MUSL_T real = __hfma(a.x, b.x, c.x), imaginary = __hfma(a.x, b.y, c.y);
    return MUSL_T2(__hfma(MUSL_RAW{(unsigned short)(MUSL_RAW(a.y).x ^ 0x8000)}, b.y, real), __hfma(a.y, b.x, imaginary));
}
MUSL_FUNCTION MUSL_T __hneg(MUSL_T a) {
    float f = MUSL_F(a);
    return f != f ? MUSL_ROUNDED(f) : MUSL_T(MUSL_RAW{(unsigned short)(MUSL_RAW(a).x ^ 0x8000)});
}
MUSL_FUNCTION MUSL_T __habs(MUSL_T a) {
    float f = MUSL_F(a);
    return f != f ? MUSL_ROUNDED(f) : MUSL_T(MUSL_RAW{(unsigned short)(MUSL_RAW(a).x & 0x7fff)});
}
MUSL_FUNCTION MUSL_T2 __hneg2(MUSL_T2 a) { return MUSL_T2(__hneg(a.x), __hneg(a.y)); }
MUSL_FUNCTION MUSL_T2 __habs2(MUSL_T2 a) { return MUSL_T2(__habs(a.x), __habs(a.y)); }
#define MUSL_UNARY(name, expression) \
    MUSL_FUNCTION MUSL_T h##name(MUSL_T p) { \
        float a = MUSL_F(p); \
        return MUSL_ROUNDED(expression); \
    } \
    MUSL_FUNCTION MUSL_T2 h2##name(MUSL_T2 p) { return MUSL_T2(h##name(p.x), h##name(p.y)); }
MUSL_UNARY(sqrt, sqrtf(a))
MUSL_UNARY(rsqrt, float(1 / ::sqrt(double(a))))
MUSL_UNARY(rcp, 1 / a)
MUSL_UNARY(log, logf(a))
MUSL_UNARY(log2, log2f(a))
MUSL_UNARY(log10, log10f(a))
MUSL_UNARY(exp, expf(a))
MUSL_UNARY(exp2, exp2f(a))
MUSL_UNARY(exp10, exp10f(a))
MUSL_UNARY(cos, cosf(a))
MUSL_UNARY(sin, sinf(a))
MUSL_UNARY(tanh, tanhf(a))
MUSL_UNARY(tanh_approx, tanhf(a))
MUSL_UNARY(trunc, truncf(a))
MUSL_UNARY(ceil, ceilf(a))
MUSL_UNARY(floor, floorf(a))
MUSL_UNARY(rint, rintf(a))
#undef MUSL_UNARY

// ---- comparisons: false where an operand is NaN, the ones with u true; of pairs as 1.0 or 0.0, as masks, and of both
#define MUSL_COMPARISON(name, expression) \
    MUSL_FUNCTION bool __h##name(MUSL_T p, MUSL_T q) { \
        float a = MUSL_F(p), b = MUSL_F(q); \
        return expression; \
    } \
    MUSL_FUNCTION MUSL_T2 __h##name##2(MUSL_T2 p, MUSL_T2 q) { \
        return MUSL_JOIN(__floats2, 2_rn)(__h##name(p.x, q.x), __h##name(p.y, q.y)); \
    } \
    MUSL_FUNCTION unsigned __h##name##2_mask(MUSL_T2 p, MUSL_T2 q) { \
        return (__h##name(p.x, q.x) ? 0xffffu : 0) | (__h##name(p.y, q.y) ? 0xffff0000u : 0); \
    } \
    MUSL_FUNCTION bool __hb##name##2(MUSL_T2 p, MUSL_T2 q) { return __h##name(p.x, q.x) && __h##name(p.y, q.y); }
MUSL_COMPARISON(eq, a == b)
MUSL_COMPARISON(ne, a < b || a > b)
MUSL_COMPARISON(le, a <= b)
MUSL_COMPARISON(ge, a >= b)
MUSL_COMPARISON(lt, a < b)
MUSL_COMPARISON(gt, a > b)
MUSL_COMPARISON(equ, !(a < b || a > b))
MUSL_COMPARISON(neu, a != b)
MUSL_COMPARISON(leu, !(a > b))
MUSL_COMPARISON(geu, !(a < b))
MUSL_COMPARISON(ltu, !(a >= b))
MUSL_COMPARISON(gtu, !(a <= b))
#undef MUSL_COMPARISON
MUSL_FUNCTION bool __hisnan(MUSL_T a) { return MUSL_F(a) != MUSL_F(a); }
MUSL_FUNCTION MUSL_T2 __hisnan2(MUSL_T2 a) { return MUSL_JOIN(__floats2, 2_rn)(__hisnan(a.x), __hisnan(a.y)); }
MUSL_FUNCTION int __hisinf(MUSL_T a) {
    float f = MUSL_F(a);
    return ::isinf(f) ? (f > 0 ? 1 : -1) : 0;
}

#ifndef MUSL_NO_OPERATORS
#define MUSL_OPERATORS(type, add, sub, mul, div, neg, one) \
    MUSL_FUNCTION type operator+(const type &a, const type &b) { return add(a, b); } \
    MUSL_FUNCTION type operator-(const type &a, const type &b) { return sub(a, b); } \
    MUSL_FUNCTION type operator*(const type &a, const type &b) { return mul(a, b); } \
    MUSL_FUNCTION type operator/(const type &a, const type &b) { return div(a, b); } \
    MUSL_FUNCTION type &operator+=(type &a, const type &b) { return a = add(a, b); } \
    MUSL_FUNCTION type &operator-=(type &a, const type &b) { return a = sub(a, b); } \
    MUSL_FUNCTION type &operator*=(type &a, const type &b) { return a = mul(a, b); } \
    MUSL_FUNCTION type &operator/=(type &a, const type &b) { return a = div(a, b); } \
    MUSL_FUNCTION type operator+(const type &a) { return a; } \
    MUSL_FUNCTION type operator-(const type &a) { return neg(a); } \
    MUSL_FUNCTION type &operator++(type &a) { return a = add(a, one); } \
    MUSL_FUNCTION type &operator--(type &a) { return a = sub(a, one); } \
    MUSL_FUNCTION type operator++(type &a, int) { \
        type old = a; \
        a = add(a, one); \
        return old; \
    } \
    MUSL_FUNCTION type operator--(type &a, int) { \
        type old = a; \
        a = sub(a, one); \
        return old; \
    }
#define MUSL_RELATIONS(type, prefix, suffix) \
    MUSL_FUNCTION bool operator==(const type &a, const type &b) { return prefix##eq##suffix(a, b); } \
    MUSL_FUNCTION bool operator!=(const type &a, const type &b) { return prefix##neu##suffix(a, b); } \
    MUSL_FUNCTION bool operator<(const type &a, const type &b) { return prefix##lt##suffix(a, b); } \
    MUSL_FUNCTION bool operator<=(const type &a, const type &b) { return prefix##le##suffix(a, b); } \
    MUSL_FUNCTION bool operator>(const type &a, const type &b) { return prefix##gt##suffix(a, b); } \
    MUSL_FUNCTION bool operator>=(const type &a, const type &b) { return prefix##ge##suffix(a, b); }
MUSL_OPERATORS(MUSL_T, __hadd, __hsub, __hmul, __hdiv, __hneg, MUSL_ROUNDED(1))
MUSL_OPERATORS(MUSL_T2, __hadd2, __hsub2, __hmul2, __h2div, __hneg2, MUSL_JOIN(__float2, 2_rn)(1))
MUSL_RELATIONS(MUSL_T, __h, )
MUSL_RELATIONS(MUSL_T2, __hb, 2)
#undef MUSL_OPERATORS
#undef MUSL_RELATIONS
#endif

// ---- atomics: compare-and-swap on the bits, so that an access out of bounds is reported as of any other
MUSL_FUNCTION MUSL_T atomicAdd(MUSL_T *address, MUSL_T value) {
    auto *bits = reinterpret_cast<unsigned short *>(address);
    unsigned short old = *bits, expected;
    do {
        expected = old;
        old = atomicCAS(bits, expected, MUSL_RAW(__hadd(MUSL_RAW{expected}, value)).x);
    } while (old != expected);
    return MUSL_RAW{old};
}
// Each of the two is atomic, not both together (CUDA C++ Programming Guide, atomicAdd).
MUSL_FUNCTION MUSL_T2 atomicAdd(MUSL_T2 *address, MUSL_T2 value) {
    MUSL_T x = atomicAdd(&address->x, value.x);
    return MUSL_T2(x, atomicAdd(&address->y, value.y));
}

#undef MUSL_F
#undef MUSL_ROUNDED
#undef MUSL_RAW
#undef MUSL_RAW2
#undef MUSL_FUNCTION
#undef MUSL_JOIN
#undef MUSL_JOIN2
#undef MUSL_EXPAND
#undef MUSL_EXPAND2
#undef MUSL_PASTE
#undef MUSL_PASTE2
#undef MUSL_T
#undef MUSL_T2
#undef MUSL_N
#undef MUSL_WIDEN
#undef MUSL_NARROW
#undef MUSL_ROUND
