/* Dense matrix products, with row-major matrices. */

/* C (m by n) = alpha * A (m by k) * B (k by n) + beta * C, flat arrays. */
void sgemm(int m, int n, int k, float alpha, const float *a, const float *b, float beta, float *c)
{
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            float sum = 0.0f;
            for (int p = 0; p < k; p++)
                sum += a[i * k + p] * b[p * n + j];
            c[i * n + j] = alpha * sum + beta * c[i * n + j];
        }
    }
}

/* The same product with variable-length array parameters, accumulating in place (i-k-j order). */
void matmul_vla(int n, const double a[n][n], const double b[n][n], double c[n][n])
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            c[i][j] = 0.0;

    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            for (int j = 0; j < n; j++)
                c[i][j] += a[i][k] * b[k][j];
}

/* Many 4 by 4 transforms applied to as many points: fixed extents inside, a parallel loop outside. */
void transform_points(int count, const float m[4][4], const float (*points)[4], float (*out)[4])
{
    for (int p = 0; p < count; p++) {
        for (int row = 0; row < 4; row++) {
            float sum = 0.0f;
            for (int col = 0; col < 4; col++)
                sum += m[row][col] * points[p][col];
            out[p][row] = sum;
        }
    }
}
