/* Level-1 BLAS in its simplest forms: y = a * x + y. */

/* Unit stride: the textbook loop. */
void saxpy(int n, float a, const float *x, float *y)
{
    for (int i = 0; i < n; i++)
        y[i] = a * x[i] + y[i];
}

/* Strided, as the BLAS declares it. A stride of 0 in y would make every iteration write the same element. */
void saxpy_strided(int n, float a, const float *x, int incx, float *y, int incy)
{
    int i;
    for (i = 0; i < n; ++i)
        y[i * incy] += a * x[i * incx];
}

/* Every second element, walked backwards. */
void daxpy_odd_reversed(int n, double a, const double *x, double *y)
{
    for (int i = 2 * n - 1; i > 0; i -= 2)
        y[i] = a * x[i] + y[i];
}
