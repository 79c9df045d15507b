/* Explicit finite differences for the heat equation on a rod with fixed ends. */

/* One time step from u into next; the two ends keep their values. */
void heat1d_step(int n, double r, const double *u, double *next)
{
    if (n < 2)
        return;
    next[0] = u[0];
    next[n - 1] = u[n - 1];
    for (int i = 1; i < n - 1; i++)
        next[i] = u[i] + r * (u[i - 1] - 2.0 * u[i] + u[i + 1]);
}

/* `steps` time steps in place; `work` holds n elements. */
void heat1d(int n, int steps, double r, double *u, double *work)
{
    for (int t = 0; t < steps; t++) {
        for (int i = 1; i < n - 1; i++)
            work[i] = u[i] + r * (u[i - 1] - 2.0 * u[i] + u[i + 1]);
        for (int i = 1; i < n - 1; i++)
            u[i] = work[i];
    }
}
