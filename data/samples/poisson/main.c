/* Solves the Poisson equation for two charges and prints how far it got: poisson [cells [sweeps]]. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "grid.h"

/* Sum of the absolute potential over the grid. */
static double total(int n, const double *u)
{
    double sum = 0.0;
    for (int i = 0; i < n * n; i++)
        sum += fabs(u[i]);
    return sum;
}

int main(int argc, char **argv)
{
    const int n = argc > 1 ? atoi(argv[1]) : 31;
    const int sweeps = argc > 2 ? atoi(argv[2]) : 50;
    if (n < 3 || n > 1000 || sweeps < 0)
        return 2;

    const grid_t grid = {n, 1.0 / (n - 1)};
    const size_t cells = (size_t)n * (size_t)n;
    cell_t *f = calloc(cells, sizeof *f);
    cell_t *u = calloc(cells, sizeof *u);
    cell_t *next = calloc(cells, sizeof *next);
    if (!f || !u || !next)
        return 1;

    charge(grid, f);
    cell_t change = 0.0;
    for (int sweep = 0; sweep < sweeps; sweep++) {
        relax_once(grid, f, u, next);
        change = largest_change(grid, u, next);
        cell_t *swap = u;
        u = next;
        next = swap;
    }
    printf("%d sweeps on %d x %d cells: last change %.9f, sum %.6f\n", sweeps, n, n, change, total(n, u));

    free(f);
    free(u);
    free(next);
    return 0;
}
