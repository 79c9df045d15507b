/* Monte-Carlo estimate of pi. Each sample makes its own random numbers from its index, so samples are independent. */

#include <stdint.h>

/* SplitMix64 (Steele, Lea, Flood 2014): one well-mixed value for every counter. */
static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in [0, 1): the upper 53 bits. */
static double uniform(uint64_t seed, uint64_t counter)
{
    return (double)(mix(seed ^ mix(counter)) >> 11) * (1.0 / 9007199254740992.0);
}

double monte_carlo_pi(int samples, uint64_t seed)
{
    if (samples <= 0)
        return 0.0;
    long inside = 0;
    for (int i = 0; i < samples; i++) {
        double x = uniform(seed, 2 * (uint64_t)i);
        double y = uniform(seed, 2 * (uint64_t)i + 1);
        if (x * x + y * y < 1.0)
            inside++;
    }
    return 4.0 * (double)inside / samples;
}

/* The points themselves, for a plot. */
void monte_carlo_points(int samples, uint64_t seed, double *x, double *y)
{
    for (int i = 0; i < samples; i++) {
        x[i] = uniform(seed, 2 * (uint64_t)i);
        y[i] = uniform(seed, 2 * (uint64_t)i + 1);
    }
}
