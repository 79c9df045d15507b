/* A vibrating string, as a whole program: wave_program [points [steps]]. Prints the energy every few steps. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* One leapfrog step: next from now and before; the ends are fixed. */
static void wave_step(int n, double courant2, const double *before, const double *now, double *next)
{
    next[0] = 0.0;
    next[n - 1] = 0.0;
    for (int i = 1; i < n - 1; i++)
        next[i] = 2.0 * now[i] - before[i] + courant2 * (now[i - 1] - 2.0 * now[i] + now[i + 1]);
}

/* A plucked string: a triangle with its top at a third of the length. */
static void pluck(int n, double *u)
{
    const int top = n / 3;
    for (int i = 0; i < n; i++)
        u[i] = i < top ? (double)i / top : (double)(n - 1 - i) / (n - 1 - top);
}

static double energy(int n, double courant2, const double *before, const double *now)
{
    double sum = 0.0;
    for (int i = 0; i < n - 1; i++) {
        const double speed = now[i] - before[i];
        const double slope = now[i + 1] - now[i];
        sum += 0.5 * (speed * speed + courant2 * slope * slope);
    }
    return sum;
}

int main(int argc, char **argv)
{
    const int n = argc > 1 ? atoi(argv[1]) : 101;
    const int steps = argc > 2 ? atoi(argv[2]) : 40;
    if (n < 4 || steps < 0) {
        fprintf(stderr, "usage: %s [points >= 4 [steps >= 0]]\n", argv[0]);
        return 2;
    }

    double *before = malloc(n * sizeof *before);
    double *now = malloc(n * sizeof *now);
    double *next = malloc(n * sizeof *next);
    if (!before || !now || !next)
        return 1;

    pluck(n, before);
    pluck(n, now);
    for (int step = 0; step < steps; step++) {
        wave_step(n, 0.25, before, now, next);
        double *oldest = before;
        before = now;
        now = next;
        next = oldest;
        if (step % 10 == 9)
            printf("step %d: energy %.6f, middle %+.6f\n", step + 1, energy(n, 0.25, before, now), now[n / 2]);
    }

    free(before);
    free(now);
    free(next);
    return 0;
}
