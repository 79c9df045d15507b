// Statistics with results through references: C-like C++.

#include <algorithm>
#include <cmath>

// Mean and standard deviation of a sample; both are 0 for an empty one.
void mean_and_deviation(long n, const double *x, double &mean, double &deviation)
{
    mean = 0.0;
    deviation = 0.0;
    if (n <= 0)
        return;

    double sum = 0.0;
    for (long i = 0; i < n; ++i)
        sum += x[i];
    mean = sum / static_cast<double>(n);

    double squares = 0.0;
    for (long i = 0; i < n; ++i) {
        const double diff = x[i] - mean;
        squares += diff * diff;
    }
    deviation = std::sqrt(squares / static_cast<double>(n));
}

// Range of the finite values; returns false where there is none.
bool finite_range(int n, const float *x, float &low, float &high)
{
    bool found = false;
    float lo = INFINITY;
    float hi = -INFINITY;
    for (int i = 0; i < n; ++i) {
        if (!std::isfinite(x[i]))
            continue;
        lo = std::min(lo, x[i]);
        hi = std::max(hi, x[i]);
        found = true;
    }
    if (found) {
        low = lo;
        high = hi;
    }
    return found;
}
