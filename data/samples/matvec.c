/* Matrix-vector products. */

/* y = A x, one dot product a row. */
void dgemv(int m, int n, const double *a, const double *x, double *y)
{
    for (int i = 0; i < m; i++) {
        y[i] = 0.0;
        for (int j = 0; j < n; j++)
            y[i] += a[i * n + j] * x[j];
    }
}

/* y = A^T x with rows outermost: the row loop carries y, the column loop does not. */
void dgemv_transposed(int m, int n, const double *a, const double *x, double *y)
{
    for (int j = 0; j < n; j++)
        y[j] = 0.0;
    for (int i = 0; i < m; i++) {
        const double *row = a + i * n;
        for (int j = 0; j < n; j++)
            y[j] += row[j] * x[i];
    }
}
