// CUDA's mathematical functions that the C library lacks. They are computed in long double, so that what is left is the
// rounding of the result.
#include "internal.h"

namespace {

constexpr long double pi = 3.141592653589793238462643383279502884L;
constexpr long double half_root = 0.707106781186547524400844362104849039L;
constexpr long double root_pi = 1.772453850905516027298167483341145183L;

// The sine of pi * x: exact in the argument, which is taken to [-1/2, 1/2], and at its zeros.
long double sine_of_turns(long double x) {
    if (!(std::fabs(x) < HUGE_VALL)) return std::nan("");
    long double reduced = x - 2 * std::round(x / 2);  // in [-1, 1]
    if (std::fabs(reduced) == 1 || reduced == 0) return std::copysign(0.0L, x);
    if (reduced > 0.5L) reduced = 1 - reduced;
    if (reduced < -0.5L) reduced = -1 - reduced;
    return std::sin(pi * reduced);
}

long double cosine_of_turns(long double x) {
    if (!(std::fabs(x) < HUGE_VALL)) return std::nan("");
    long double reduced = std::fabs(x - 2 * std::round(x / 2));
    return reduced == 0.5L ? 0 : reduced <= 0.25L ? std::cos(pi * reduced) : std::sin(pi * (0.5L - reduced));
}

// exp(x * x) * erfc(x). For large x by the continued fraction (Abramowitz and Stegun, 7.1.14), for the product would be
// inf * 0.
long double scaled_erfc(long double x) {
    if (x < 10) return std::exp(x * x) * std::erfc(x);
    long double tail = x;
    for (int k = 40; k > 0; k--) tail = x + k / 2.0L / tail;
    return 1 / (root_pi * tail);
}

// The x in (-inf, 0] with erfc(-x / sqrt(2)) / 2 = p, for p in (0, 1/2]: a rational guess (Abramowitz and Stegun,
// 26.2.23), then Halley's steps.
long double lower_quantile(long double p) {
    long double t = std::sqrt(-2 * std::log(p));
    long double x = -(t - (2.515517L + t * (0.802853L + t * 0.010328L)) /
                              (1 + t * (1.432788L + t * (0.189269L + t * 0.001308L))));
    for (int step = 0; step < 4; step++) {
        long double error = std::erfc(-x * half_root) / 2 - p;
        long double density = std::exp(-x * x / 2) * half_root / root_pi;
        if (density == 0) break;
        long double newton = error / density;
        x -= newton / (1 + x * newton / 2);
    }
    return x;
}

// The inverse of erfc.
long double inverse_erfc(long double y) {
    if (!(y >= 0 && y <= 2)) return std::nan("");
    if (y == 0 || y == 2) return y == 0 ? HUGE_VALL : -HUGE_VALL;
    if (y == 1) return 0;
    return y < 1 ? -lower_quantile(y / 2) * half_root : lower_quantile((2 - y) / 2) * half_root;
}

// The inverse of erf; near 0, where 1 - y has lost the digits of y, by Newton's steps on erf itself.
long double inverse_erf(long double y) {
    if (std::fabs(y) > 0.5L) return y > 0 ? inverse_erfc(1 - y) : -inverse_erfc(1 + y);
    long double x = y * root_pi / 2;
    for (int step = 0; step < 6; step++) x -= (std::erf(x) - y) * std::exp(x * x) * root_pi / 2;
    return x;
}

// The modified Bessel function of order 0 or 1 by its power series, all of whose terms have one sign.
long double bessel_i(int order, long double x) {
    if (std::fabs(x) > 720) return std::fabs(x) < HUGE_VALL || order == 0 || x > 0 ? HUGE_VALL : -HUGE_VALL;
    long double quarter = x * x / 4, term = order == 0 ? 1 : x / 2, sum = term;
    for (int k = 1; k < 2000 && std::fabs(term) > std::fabs(sum) * 1e-22L; k++) {
        term *= quarter / (static_cast<long double>(k) * (k + order));
        sum += term;
    }
    return sum;
}

template <class Real>
long double length_of(int count, const Real *p) {
    long double sum = 0;
    for (int i = 0; i < count; i++) {
        if (std::isinf(p[i])) return HUGE_VALL;
        sum += static_cast<long double>(p[i]) * p[i];
    }
    return std::sqrt(sum);
}

}  // namespace

#define MUSL_FUNCTION1(name, expression) \
    double name(double x) { return double(expression); } \
    float name##f(float x) { return float(expression); }
MUSL_FUNCTION1(sinpi, sine_of_turns(x))
MUSL_FUNCTION1(cospi, cosine_of_turns(x))
MUSL_FUNCTION1(normcdf, std::erfc(-x * half_root) / 2)
MUSL_FUNCTION1(normcdfinv, -inverse_erfc(2 * static_cast<long double>(x)) / half_root)
MUSL_FUNCTION1(erfinv, inverse_erf(x))
MUSL_FUNCTION1(erfcinv, inverse_erfc(x))
MUSL_FUNCTION1(erfcx, scaled_erfc(x))
MUSL_FUNCTION1(cyl_bessel_i0, bessel_i(0, x))
MUSL_FUNCTION1(cyl_bessel_i1, bessel_i(1, x))

double norm3d(double a, double b, double c) {
    const double p[] = {a, b, c};
    return musl::length(3, p);
}
float norm3df(float a, float b, float c) {
    const float p[] = {a, b, c};
    return musl::length(3, p);
}
double norm4d(double a, double b, double c, double d) {
    const double p[] = {a, b, c, d};
    return musl::length(4, p);
}
float norm4df(float a, float b, float c, float d) {
    const float p[] = {a, b, c, d};
    return musl::length(4, p);
}
double musl::length(int dimension, const double *p) { return double(length_of(dimension, p)); }
float musl::length(int dimension, const float *p) { return float(length_of(dimension, p)); }
