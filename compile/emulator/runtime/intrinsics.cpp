// The intrinsics of include/musl/intrinsics.h, by the definitions in NVIDIA's crt/device_functions.h and the PTX ISA.
#include <fenv.h>

#include "internal.h"

namespace {

// The host rounds as the device does; volatile keeps the operation between the changes of the mode.
struct Rounding {
    explicit Rounding(int mode) { fesetround(mode); }
    ~Rounding() { fesetround(FE_TONEAREST); }
};

}  // namespace

#define MUSL_ROUNDED(mode, type, expression) \
    volatile type result; \
    { \
        Rounding rounding(mode); \
        result = expression; \
    } \
    return result;
#define MUSL_DIRECTED(real, p, suffix, mode) \
    real __##p##add_##suffix(real x, real y) { \
        volatile real a = x, b = y; \
        MUSL_ROUNDED(mode, real, a + b) \
    } \
    real __##p##sub_##suffix(real x, real y) { \
        volatile real a = x, b = y; \
        MUSL_ROUNDED(mode, real, a - b) \
    } \
    real __##p##mul_##suffix(real x, real y) { \
        volatile real a = x, b = y; \
        MUSL_ROUNDED(mode, real, a *b) \
    } \
    real __##p##div_##suffix(real x, real y) { \
        volatile real a = x, b = y; \
        MUSL_ROUNDED(mode, real, a / b) \
    } \
    real __##p##rcp_##suffix(real x) { return __##p##div_##suffix(1, x); } \
    real __##p##sqrt_##suffix(real x) { \
        volatile real a = x; \
        MUSL_ROUNDED(mode, real, std::sqrt(a)) \
    }
#define MUSL_CONVERTED(to, name, from, suffix, mode) \
    to __##name##_##suffix(from x) { \
        volatile from a = x; \
        MUSL_ROUNDED(mode, to, to(a)) \
    }
#define MUSL_DIRECTED_MODE(suffix, mode) \
    MUSL_DIRECTED(float, f, suffix, mode) \
    MUSL_DIRECTED(double, d, suffix, mode) \
    float __fmaf_##suffix(float x, float y, float z) { \
        volatile float a = x, b = y, c = z; \
        MUSL_ROUNDED(mode, float, fmaf(a, b, c)) \
    } \
    double __fma_##suffix(double x, double y, double z) { \
        volatile double a = x, b = y, c = z; \
        MUSL_ROUNDED(mode, double, fma(a, b, c)) \
    } \
    MUSL_CONVERTED(float, double2float, double, suffix, mode) \
    MUSL_CONVERTED(float, int2float, int, suffix, mode) \
    MUSL_CONVERTED(float, uint2float, unsigned int, suffix, mode) \
    MUSL_CONVERTED(float, ll2float, long long, suffix, mode) \
    MUSL_CONVERTED(float, ull2float, unsigned long long, suffix, mode) \
    MUSL_CONVERTED(double, ll2double, long long, suffix, mode) \
    MUSL_CONVERTED(double, ull2double, unsigned long long, suffix, mode)
MUSL_DIRECTED_MODE(rz, FE_TOWARDZERO)
MUSL_DIRECTED_MODE(ru, FE_UPWARD)
MUSL_DIRECTED_MODE(rd, FE_DOWNWARD)

namespace {

// Applies `operation` to the lanes of two words, as integers of the lane's signed or unsigned type; the result is cut to
// the lane.
template <class Lane, class Operation>
unsigned by_lanes(unsigned a, unsigned b, Operation operation) {
    constexpr int bits = 8 * sizeof(Lane);
    constexpr unsigned mask = (1u << bits) - 1;
    unsigned result = 0;
    for (int shift = 0; shift < 32; shift += bits)
        result |= (unsigned(operation(int(Lane(a >> shift)), int(Lane(b >> shift)))) & mask) << shift;
    return result;
}

template <class Lane>
int saturated(int value) {
    constexpr bool is_signed = Lane(-1) < 0;
    constexpr int bits = 8 * sizeof(Lane), most = (1 << (bits - is_signed)) - 1, least = is_signed ? -most - 1 : 0;
    return value < least ? least : value > most ? most : value;
}

// Halves are rounded away from zero (PTX ISA, vavrg).
int average(int a, int b) {
    int sum = a + b;
    return (sum >> 1) >= 0 ? (sum + 1) >> 1 : sum >> 1;
}

unsigned sum_of_lanes(unsigned a, int bits) {
    unsigned sum = 0;
    for (int shift = 0; shift < 32; shift += bits) sum += a >> shift & ((1u << bits) - 1);
    return sum;
}

}  // namespace

// For words of two signed (s2) or unsigned (u2) halves, and of four bytes.
#define MUSL_BY_LANES(name, half, byte, expression) \
    unsigned int name##2(unsigned int p, unsigned int q) { \
        using lane [[maybe_unused]] = half; \
        return by_lanes<half>(p, q, [](int a, int b) { return expression; }); \
    } \
    unsigned int name##4(unsigned int p, unsigned int q) { \
        using lane [[maybe_unused]] = byte; \
        return by_lanes<byte>(p, q, [](int a, int b) { return expression; }); \
    }
#define MUSL_SIGNED(name, expression) MUSL_BY_LANES(name, short, signed char, expression)
#define MUSL_UNSIGNED(name, expression) MUSL_BY_LANES(name, unsigned short, unsigned char, expression)
#define MUSL_COMPARISON(name, kind, operation) \
    MUSL_##kind(__vcmp##name, a operation b ? -1 : 0) MUSL_##kind(__vset##name, a operation b ? 1 : 0)
MUSL_UNSIGNED(__vadd, a + b)
MUSL_UNSIGNED(__vsub, a - b)
MUSL_SIGNED(__vaddss, saturated<lane>(a + b))
MUSL_SIGNED(__vsubss, saturated<lane>(a - b))
MUSL_UNSIGNED(__vaddus, saturated<lane>(a + b))
MUSL_UNSIGNED(__vsubus, saturated<lane>(a - b))
MUSL_SIGNED(__vavgs, average(a, b))
MUSL_UNSIGNED(__vavgu, (a + b + 1) >> 1)
MUSL_UNSIGNED(__vhaddu, (a + b) >> 1)
MUSL_UNSIGNED(__vabsdiffu, a > b ? a - b : b - a)
MUSL_SIGNED(__vmaxs, a > b ? a : b)
MUSL_UNSIGNED(__vmaxu, a > b ? a : b)
MUSL_SIGNED(__vmins, a < b ? a : b)
MUSL_UNSIGNED(__vminu, a < b ? a : b)
MUSL_COMPARISON(eq, UNSIGNED, ==)
MUSL_COMPARISON(ne, UNSIGNED, !=)
MUSL_COMPARISON(ges, SIGNED, >=)
MUSL_COMPARISON(geu, UNSIGNED, >=)
MUSL_COMPARISON(gts, SIGNED, >)
MUSL_COMPARISON(gtu, UNSIGNED, >)
MUSL_COMPARISON(les, SIGNED, <=)
MUSL_COMPARISON(leu, UNSIGNED, <=)
MUSL_COMPARISON(lts, SIGNED, <)
MUSL_COMPARISON(ltu, UNSIGNED, <)
unsigned int __vsadu2(unsigned int a, unsigned int b) { return sum_of_lanes(__vabsdiffu2(a, b), 16); }
unsigned int __vsadu4(unsigned int a, unsigned int b) { return sum_of_lanes(__vabsdiffu4(a, b), 8); }
#define MUSL_SIGNED1(name, expression) \
    unsigned int name##2(unsigned int p) { \
        using lane [[maybe_unused]] = short; \
        return by_lanes<short>(p, p, [](int a, int) { return expression; }); \
    } \
    unsigned int name##4(unsigned int p) { \
        using lane [[maybe_unused]] = signed char; \
        return by_lanes<signed char>(p, p, [](int a, int) { return expression; }); \
    }
MUSL_SIGNED1(__vabs, a < 0 ? -a : a)
MUSL_SIGNED1(__vabsss, saturated<lane>(a < 0 ? -a : a))
MUSL_SIGNED1(__vneg, -a)
MUSL_SIGNED1(__vnegss, saturated<lane>(-a))

namespace {

// `count` products of lanes of `a` (each as A) and of `b` from byte `first` (each as B), added to c.
template <class A, class B>
unsigned dot(unsigned a, unsigned b, unsigned c, int count, int first) {
    for (int i = 0; i < count; i++) c += unsigned(int(A(a >> (32 / count * i))) * int(B(b >> (8 * (first + i)))));
    return c;
}

}  // namespace

#define MUSL_DOT(name, count, first) \
    int name(int a, int b, int c) { \
        if (count == 4) return int(dot<signed char, signed char>(unsigned(a), unsigned(b), unsigned(c), count, first)); \
        return int(dot<short, signed char>(unsigned(a), unsigned(b), unsigned(c), count, first)); \
    } \
    unsigned int name(unsigned int a, unsigned int b, unsigned int c) { \
        if (count == 4) return dot<unsigned char, unsigned char>(a, b, c, count, first); \
        return dot<unsigned short, unsigned char>(a, b, c, count, first); \
    }
MUSL_DOT(__dp4a, 4, 0)
MUSL_DOT(__dp2a_lo, 2, 0)
MUSL_DOT(__dp2a_hi, 2, 2)
#define MUSL_DOT_VECTORS(name, left, right, left_unsigned, right_unsigned) \
    int name(left a, right b, int c) { return name(musl::bit_cast<int>(a), musl::bit_cast<int>(b), c); } \
    unsigned int name(left_unsigned a, right_unsigned b, unsigned int c) { \
        return name(musl::bit_cast<unsigned int>(a), musl::bit_cast<unsigned int>(b), c); \
    }
MUSL_DOT_VECTORS(__dp4a, char4, char4, uchar4, uchar4)
MUSL_DOT_VECTORS(__dp2a_lo, short2, char4, ushort2, uchar4)
MUSL_DOT_VECTORS(__dp2a_hi, short2, char4, ushort2, uchar4)

// The offset-th set bit of `mask` from bit `base` on (downwards where offset is negative), or all ones (PTX ISA, fns).
unsigned int __fns(unsigned int mask, unsigned int base, int offset) {
    if (offset == 0) return base < 32 && (mask >> base & 1) ? base : ~0u;
    int step = offset > 0 ? 1 : -1, left = offset > 0 ? offset : -offset;
    for (int bit = int(base); bit >= 0 && bit < 32; bit += step)
        if (mask >> bit & 1 && --left == 0) return unsigned(bit);
    return ~0u;
}
