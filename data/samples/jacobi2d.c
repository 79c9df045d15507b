/* Jacobi iteration for the Laplace equation on an n by n grid.
 *
 * The time loop carries a dependence through `a`; within one time step every cell of the inner grid is independent. */

void jacobi2d(int n, int steps, double *a, double *b)
{
    for (int t = 0; t < steps; t++) {
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++)
                b[i * n + j] = 0.2 * (a[i * n + j] + a[i * n + j - 1] + a[i * n + j + 1]
                                      + a[(i - 1) * n + j] + a[(i + 1) * n + j]);

        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++)
                a[i * n + j] = b[i * n + j];
    }
}

/* Largest change between two iterates, to decide when to stop. */
double jacobi2d_residual(int n, const double *a, const double *b)
{
    double worst = 0.0;
    for (int i = 1; i < n - 1; i++) {
        for (int j = 1; j < n - 1; j++) {
            double change = a[i * n + j] - b[i * n + j];
            if (change < 0.0)
                change = -change;
            if (change > worst)
                worst = change;
        }
    }
    return worst;
}
