/* One step of Lloyd's k-means: n points of `dim` coordinates, k centres. */

#include <float.h>

/* Nearest centre of each point. */
void kmeans_assign(int n, int k, int dim, const float *points, const float *centres, int *label)
{
    for (int i = 0; i < n; i++) {
        float nearest = FLT_MAX;
        int best = 0;
        for (int c = 0; c < k; c++) {
            float d2 = 0.0f;
            for (int d = 0; d < dim; d++) {
                float diff = points[i * dim + d] - centres[c * dim + d];
                d2 += diff * diff;
            }
            if (d2 < nearest) {
                nearest = d2;
                best = c;
            }
        }
        label[i] = best;
    }
}

/* Mean of the points of each label; a centre without points stays where it is. `sums` and `counts` are scratch. */
void kmeans_update(int n, int k, int dim, const float *points, const int *label, float *centres, float *sums,
                   int *counts)
{
    for (int c = 0; c < k; c++) {
        counts[c] = 0;
        for (int d = 0; d < dim; d++)
            sums[c * dim + d] = 0.0f;
    }
    for (int i = 0; i < n; i++) {
        const int c = label[i];
        counts[c]++;
        for (int d = 0; d < dim; d++)
            sums[c * dim + d] += points[i * dim + d];
    }
    for (int c = 0; c < k; c++)
        if (counts[c] > 0)
            for (int d = 0; d < dim; d++)
                centres[c * dim + d] = sums[c * dim + d] / (float)counts[c];
}
