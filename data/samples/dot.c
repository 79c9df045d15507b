/* Inner products and what is made of them. */

#include <math.h>

double dot(int n, const double *x, const double *y)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

/* Cosine of the angle between x and y, 0 where one of them is the zero vector: three sums in one pass. */
float cosine_similarity(int n, const float *x, const float *y)
{
    float xy = 0.0f, xx = 0.0f, yy = 0.0f;
    for (int i = 0; i < n; i++) {
        xy += x[i] * y[i];
        xx += x[i] * x[i];
        yy += y[i] * y[i];
    }
    if (xx == 0.0f || yy == 0.0f)
        return 0.0f;
    return xy / (sqrtf(xx) * sqrtf(yy));
}

/* x scaled to length 1 in place; returns the old length. A reduction, then a loop that uses it. */
double normalize(int n, double *x)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    const double length = sqrt(sum);
    if (length > 0.0) {
        for (int i = 0; i < n; i++)
            x[i] /= length;
    }
    return length;
}
