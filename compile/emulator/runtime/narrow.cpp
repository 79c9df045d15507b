// Conversions to and from the 16-bit floating-point formats (IEEE 754 binary16, and bfloat16).
#include "internal.h"

#pragma GCC visibility push(default)  // called by programs
#include <musl/narrow.h>
#pragma GCC visibility pop

namespace musl {
namespace {

struct Format {
    int digits;           // of the mantissa, the implicit one counted
    int least_exponent;   // of a normal number, as in 2^e
    int greatest_exponent;
};
constexpr Format half{11, -14, 15}, bfloat16{8, -126, 127};

// The integer nearest to x in the direction; the host rounds to nearest even.
long double integer(long double x, Direction direction) {
    switch (direction) {
        case NEAREST: return std::nearbyint(x);
        case TO_ZERO: return std::trunc(x);
        case UP: return std::ceil(x);
        case DOWN: return std::floor(x);
    }
    return x;
}

unsigned short round_to(const Format &format, long double x, Direction direction) {
    unsigned sign = std::signbit(x) ? 0x8000 : 0;
    unsigned infinity = unsigned(format.greatest_exponent * 2 + 1) << (format.digits - 1);
    if (x != x) return 0x7fff;
    if (x == 0) return static_cast<unsigned short>(sign);
    if (std::isinf(x)) return static_cast<unsigned short>(sign | infinity);
    int exponent = std::ilogb(x) < format.least_exponent ? format.least_exponent : std::ilogb(x);
    int unit = exponent - (format.digits - 1);
    auto mantissa = static_cast<unsigned long>(std::fabs(integer(std::ldexp(x, -unit), direction)));
    // A mantissa that rounding has made one digit longer carries into the exponent, and from the largest number to infinity.
    unsigned long bits = (static_cast<unsigned long>(exponent - format.least_exponent) << (format.digits - 1)) + mantissa;
    if (exponent <= format.greatest_exponent && bits < infinity) return static_cast<unsigned short>(sign | bits);
    bool to_infinity = direction == NEAREST || direction == (sign ? DOWN : UP);
    return static_cast<unsigned short>(sign | (to_infinity ? infinity : infinity - 1));
}

}  // namespace

float half_to_float(unsigned short bits) {
    unsigned sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 31, mantissa = bits & 1023;
    if (exponent == 31) return bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
    if (exponent != 0) return bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
    float small = float(mantissa) * 0x1p-24f;
    return sign ? -small : small;
}

unsigned short float_to_half(float x) {
    unsigned bits = bit_cast<unsigned>(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return 0x7fff;
    if (magnitude >= 0x477ff000) return static_cast<unsigned short>(sign | 0x7c00);  // 65520, halfway to 65536, and more
    if (magnitude < 0x38800000) {  // below 2^-14: adding 1/2 leaves the mantissa in units of 2^-24, rounded
        unsigned sum = bit_cast<unsigned>(bit_cast<float>(magnitude) + 0.5f);
        return static_cast<unsigned short>(sign | (sum - 0x3f000000));
    }
    return static_cast<unsigned short>(sign | ((magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13));
}

unsigned short round_to_half(long double x, Direction direction) { return round_to(half, x, direction); }

float bfloat16_to_float(unsigned short bits) { return bit_cast<float>(unsigned(bits) << 16); }

unsigned short float_to_bfloat16(float x) {
    unsigned bits = bit_cast<unsigned>(x);
    if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
    return static_cast<unsigned short>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

unsigned short round_to_bfloat16(long double x, Direction direction) { return round_to(bfloat16, x, direction); }

double narrow_fma(double a, double b, double c) {
    double product = a * b, sum = product + c;  // the product of two 16-bit numbers is exact
    if (!std::isfinite(sum)) return sum;
    double part = sum - product, error = (product - (sum - part)) + (c - part);  // D. Knuth's TwoSum
    auto bits = bit_cast<unsigned long long>(sum);
    if (error == 0 || bits & 1) return sum;
    return (error > 0) == (sum > 0) ? bit_cast<double>(bits | 1) : bit_cast<double>(bits - 1);
}

}  // namespace musl
