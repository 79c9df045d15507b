/* Functions that look at their arguments first, as library code does. */

#include <stddef.h>

enum { GUARD_OK = 0, GUARD_NULL = -1, GUARD_RANGE = -2 };

/* Copies `count` elements from `from` on; returns a status. */
int copy_range(const int *src, int n, int from, int count, int *dst)
{
    if (src == NULL || dst == NULL)
        return GUARD_NULL;
    if (from < 0 || count < 0 || count > n || from > n - count)
        return GUARD_RANGE;
    for (int i = 0; i < count; i++)
        dst[i] = src[from + i];
    return GUARD_OK;
}

/* Adds a bias where there is one: a null `bias` means none. */
void add_bias(int n, float *x, const float *bias)
{
    if (n <= 0)
        return;
    if (!bias)
        return;
    for (int i = 0; i < n; i++)
        x[i] += bias[i];
}

/* Scales by a factor that may be absent, without touching the loop for factor 1. */
void scale_unless_one(int n, double factor, double *x)
{
    if (n <= 0 || factor == 1.0)
        return;
    int i = 0;
    while (i < n) {
        x[i] *= factor;
        i++;
    }
}
