/* The numerical part of the Poisson solver. */

#include <math.h>

#include "grid.h"

/* Two opposite charges on an otherwise empty grid. */
void charge(grid_t g, cell_t *f)
{
    for (int i = 0; i < g.n; i++)
        for (int j = 0; j < g.n; j++)
            f[AT(g, i, j)] = (i == g.n / 3 && j == g.n / 2) - (i == 2 * g.n / 3 && j == g.n / 2);
}

/* One Jacobi sweep of -laplace(u) = f; the border of `next` is 0. */
void relax_once(grid_t g, const cell_t *f, const cell_t *u, cell_t *next)
{
    for (int i = 0; i < g.n; i++) {
        for (int j = 0; j < g.n; j++) {
            if (i == 0 || j == 0 || i == g.n - 1 || j == g.n - 1)
                next[AT(g, i, j)] = 0.0;
            else
                next[AT(g, i, j)] = 0.25 * (u[AT(g, i - 1, j)] + u[AT(g, i + 1, j)] + u[AT(g, i, j - 1)]
                                            + u[AT(g, i, j + 1)] + square(g.h) * f[AT(g, i, j)]);
        }
    }
}

cell_t largest_change(grid_t g, const cell_t *u, const cell_t *next)
{
    cell_t worst = 0.0;
    for (int i = 0; i < g.n * g.n; i++)
        worst = fmax(worst, fabs(next[i] - u[i]));
    return worst;
}
