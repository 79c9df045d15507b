// The overloads of the C library's mathematical functions that <cmath> has ([c.math]), in a hundredth of its size: the C++
// library's header costs a small unit as much time as all the rest. For texts that include nothing of the C++ library.
#pragma once

namespace musl {

// The type in which <cmath> computes with arguments that are not all of one floating-point type: double, unless one of them is
// a long double (or, for none but floats, float). No type for what is no number, so that such overloads do not take part.
template <class T>
struct Number {};
#define MUSL_NUMBER(type, computed) \
    template <> \
    struct Number<type> { \
        typedef computed in; \
    };
MUSL_NUMBER(bool, double)
MUSL_NUMBER(char, double)
MUSL_NUMBER(signed char, double)
MUSL_NUMBER(unsigned char, double)
MUSL_NUMBER(wchar_t, double)
MUSL_NUMBER(char16_t, double)
MUSL_NUMBER(char32_t, double)
MUSL_NUMBER(short, double)
MUSL_NUMBER(unsigned short, double)
MUSL_NUMBER(int, double)
MUSL_NUMBER(unsigned int, double)
MUSL_NUMBER(long, double)
MUSL_NUMBER(unsigned long, double)
MUSL_NUMBER(long long, double)
MUSL_NUMBER(unsigned long long, double)
MUSL_NUMBER(float, float)
MUSL_NUMBER(double, double)
MUSL_NUMBER(long double, long double)
#undef MUSL_NUMBER
template <class A, class B, class C = float>
using Common = decltype(typename Number<A>::in() + typename Number<B>::in() + typename Number<C>::in());

// Only for integers.
template <class T, class Computed = typename Number<T>::in>
struct Integer {};
template <class T>
struct Integer<T, double> {
    typedef double in;
};
template <>
struct Integer<double, double> {};

}  // namespace musl

#define MUSL_OVERLOAD1(name, result_of_float, result) \
    static inline result_of_float name(float x) { return name##f(x); } \
    template <class T, class = typename musl::Integer<T>::in> \
    result name(T x) { \
        return name(double(x)); \
    }
#define MUSL_OVERLOADS1(name) MUSL_OVERLOAD1(name, float, double)
MUSL_OVERLOADS1(acos)
MUSL_OVERLOADS1(acosh)
MUSL_OVERLOADS1(asin)
MUSL_OVERLOADS1(asinh)
MUSL_OVERLOADS1(atan)
MUSL_OVERLOADS1(atanh)
MUSL_OVERLOADS1(cbrt)
MUSL_OVERLOADS1(ceil)
MUSL_OVERLOADS1(cos)
MUSL_OVERLOADS1(cosh)
MUSL_OVERLOADS1(erf)
MUSL_OVERLOADS1(erfc)
MUSL_OVERLOADS1(exp)
MUSL_OVERLOADS1(exp2)
MUSL_OVERLOADS1(expm1)
MUSL_OVERLOADS1(fabs)
MUSL_OVERLOADS1(floor)
MUSL_OVERLOADS1(lgamma)
MUSL_OVERLOADS1(log)
MUSL_OVERLOADS1(log10)
MUSL_OVERLOADS1(log1p)
MUSL_OVERLOADS1(log2)
MUSL_OVERLOADS1(logb)
MUSL_OVERLOADS1(nearbyint)
MUSL_OVERLOADS1(rint)
MUSL_OVERLOADS1(round)
MUSL_OVERLOADS1(sin)
MUSL_OVERLOADS1(sinh)
MUSL_OVERLOADS1(sqrt)
MUSL_OVERLOADS1(tan)
MUSL_OVERLOADS1(tanh)
MUSL_OVERLOADS1(tgamma)
MUSL_OVERLOADS1(trunc)
MUSL_OVERLOAD1(ilogb, int, int)
MUSL_OVERLOAD1(lrint, long, long)
MUSL_OVERLOAD1(llrint, long long, long long)
MUSL_OVERLOAD1(lround, long, long)
MUSL_OVERLOAD1(llround, long long, long long)
#undef MUSL_OVERLOADS1
#undef MUSL_OVERLOAD1

#define MUSL_OVERLOADS2(name) \
    static inline float name(float x, float y) { return name##f(x, y); } \
    static inline long double name(long double x, long double y) { return name##l(x, y); } \
    template <class T, class U> \
    musl::Common<T, U> name(T x, U y) { \
        return name(musl::Common<T, U>(x), musl::Common<T, U>(y)); \
    }
MUSL_OVERLOADS2(atan2)
MUSL_OVERLOADS2(copysign)
MUSL_OVERLOADS2(fdim)
MUSL_OVERLOADS2(fmax)
MUSL_OVERLOADS2(fmin)
MUSL_OVERLOADS2(fmod)
MUSL_OVERLOADS2(hypot)
MUSL_OVERLOADS2(nextafter)
MUSL_OVERLOADS2(pow)
MUSL_OVERLOADS2(remainder)
#undef MUSL_OVERLOADS2

static inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
template <class T, class U, class V>
musl::Common<T, U, V> fma(T x, U y, V z) {
    typedef musl::Common<T, U, V> In;
    return fma(In(x), In(y), In(z));
}
static inline float frexp(float x, int *exponent) { return frexpf(x, exponent); }
static inline float ldexp(float x, int exponent) { return ldexpf(x, exponent); }
static inline float modf(float x, float *whole) { return modff(x, whole); }
static inline float remquo(float x, float y, int *quotient) { return remquof(x, y, quotient); }
static inline float scalbn(float x, int exponent) { return scalbnf(x, exponent); }
static inline float scalbln(float x, long exponent) { return scalblnf(x, exponent); }
template <class T>
typename musl::Integer<T>::in ldexp(T x, int exponent) {
    return ldexp(double(x), exponent);
}

static inline long abs(long x) { return labs(x); }
static inline long long abs(long long x) { return llabs(x); }
static inline float abs(float x) { return __builtin_fabsf(x); }
static inline double abs(double x) { return __builtin_fabs(x); }
static inline long double abs(long double x) { return __builtin_fabsl(x); }

// Macros in C, functions here.
#undef fpclassify
#undef isfinite
#undef isinf
#undef isnan
#undef isnormal
#undef signbit
#define MUSL_CLASSIFY(name, result) \
    static inline result name(float x) { return __builtin_##name(x); } \
    static inline result name(double x) { return __builtin_##name(x); } \
    static inline result name(long double x) { return __builtin_##name(x); } \
    template <class T, class = typename musl::Integer<T>::in> \
    result name(T x) { \
        return name(double(x)); \
    }
MUSL_CLASSIFY(isfinite, bool)
MUSL_CLASSIFY(isinf, bool)
MUSL_CLASSIFY(isnan, bool)
MUSL_CLASSIFY(isnormal, bool)
MUSL_CLASSIFY(signbit, bool)
#undef MUSL_CLASSIFY
