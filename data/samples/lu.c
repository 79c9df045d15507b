/* LU factorization without pivoting, in place: L below the diagonal (ones on it), U on and above it. */

void lu(int n, double *a)
{
    for (int k = 0; k < n; k++) {
        const double pivot = a[k * n + k];
        for (int i = k + 1; i < n; i++)
            a[i * n + k] /= pivot;
        for (int i = k + 1; i < n; i++)
            for (int j = k + 1; j < n; j++)
                a[i * n + j] -= a[i * n + k] * a[k * n + j];
    }
}
