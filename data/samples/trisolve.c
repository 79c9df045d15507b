/* Lower triangular systems L x = b. */

/* One right-hand side, by columns: as soon as x[j] is known, it leaves all later equations at once. */
void trisolve_columns(int n, const double *l, double *x)
{
    for (int j = 0; j < n; j++) {
        x[j] /= l[j * n + j];
        for (int i = j + 1; i < n; i++)
            x[i] -= l[i * n + j] * x[j];
    }
}

/* Many right-hand sides, one a column of b (n by count): sequential down a column, parallel across columns. */
void trisolve_many(int n, int count, const float *l, const float *b, float *x)
{
    for (int c = 0; c < count; c++) {
        for (int i = 0; i < n; i++) {
            float sum = b[i * count + c];
            for (int j = 0; j < i; j++)
                sum -= l[i * n + j] * x[j * count + c];
            x[i * count + c] = sum / l[i * n + i];
        }
    }
}
