/* European options after Black and Scholes (1973), in single and in double precision. */

#include <math.h>

/* Distribution function of the standard normal. */
static float normal_cdf_f(float x)
{
    return 0.5f * erfcf(-x * 0.70710678f);
}

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752);
}

void black_scholes_f(int n, const float *spot, const float *strike, const float *years, float rate, float volatility,
                     float *call, float *put)
{
    for (int i = 0; i < n; i++) {
        const float s = spot[i], k = strike[i], t = years[i];
        const float root = volatility * sqrtf(t);
        const float d1 = (logf(s / k) + (rate + 0.5f * volatility * volatility) * t) / root;
        const float d2 = d1 - root;
        const float discounted = k * expf(-rate * t);
        call[i] = s * normal_cdf_f(d1) - discounted * normal_cdf_f(d2);
        put[i] = discounted * normal_cdf_f(-d2) - s * normal_cdf_f(-d1);
    }
}

void black_scholes(int n, const double *spot, const double *strike, const double *years, double rate, double volatility,
                   double *call, double *put)
{
    for (int i = 0; i < n; i++) {
        const double s = spot[i], k = strike[i], t = years[i];
        const double root = volatility * sqrt(t);
        const double d1 = (log(s / k) + (rate + 0.5 * volatility * volatility) * t) / root;
        const double d2 = d1 - root;
        const double discounted = k * exp(-rate * t);
        call[i] = s * normal_cdf(d1) - discounted * normal_cdf(d2);
        put[i] = discounted * normal_cdf(-d2) - s * normal_cdf(-d1);
    }
}
