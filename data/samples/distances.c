/* Distances between all pairs of points. */

#include <math.h>

/* Symmetric n by n matrix: the pair i < j is computed once and written twice; the diagonal is 0. */
void distance_matrix(int n, int dim, const double *points, double *distance)
{
    for (int i = 0; i < n; i++) {
        distance[i * n + i] = 0.0;
        for (int j = i + 1; j < n; j++) {
            double sum = 0.0;
            for (int d = 0; d < dim; d++) {
                const double diff = points[i * dim + d] - points[j * dim + d];
                sum += diff * diff;
            }
            distance[i * n + j] = sqrt(sum);
            distance[j * n + i] = distance[i * n + j];
        }
    }
}

/* Pairs closer than `cutoff`, each counted once: a triangular reduction. */
long count_close_pairs(int n, const float *x, const float *y, float cutoff)
{
    long pairs = 0;
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            const float dx = x[i] - x[j];
            const float dy = y[i] - y[j];
            if (dx * dx + dy * dy < cutoff * cutoff)
                pairs++;
        }
    return pairs;
}
