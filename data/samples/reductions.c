/* Reductions of one array to one value. */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Wide accumulator, narrow elements: exact for any n below 2^31. */
int64_t sum_int32(size_t n, const int32_t *x)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

float sum_of_squares(int n, const float *x)
{
    float sum = 0.0f;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

/* Smallest and largest element, one pass; empty arrays leave INT_MAX and INT_MIN. */
void min_max(int n, const int *x, int *lowest, int *highest)
{
    int lo = INT_MAX;
    int hi = INT_MIN;
    for (int i = 0; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        if (x[i] > hi)
            hi = x[i];
    }
    *lowest = lo;
    *highest = hi;
}

bool all_positive(int n, const double *x)
{
    bool all = true;
    for (int i = 0; i < n; i++)
        if (!(x[i] > 0.0))
            all = false;
    return all;
}

int any_equal(int n, const int *a, const int *b)
{
    int any = 0;
    for (int i = 0; i < n; i++)
        any |= a[i] == b[i];
    return any;
}

/* Index of the first smallest element, -1 for an empty array. */
int argmin(int n, const float *x)
{
    if (n <= 0)
        return -1;
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] < x[best])
            best = i;
    return best;
}
