/* A square grid with its spacing, shared by the files of the program. */

#ifndef POISSON_GRID_H
#define POISSON_GRID_H

#define AT(g, i, j) ((i) * (g).n + (j))

typedef double cell_t;

typedef struct grid {
    int n;    /* cells a side, border included */
    cell_t h; /* spacing */
} grid_t;

void charge(grid_t g, cell_t *f);
void relax_once(grid_t g, const cell_t *f, const cell_t *u, cell_t *next);
cell_t largest_change(grid_t g, const cell_t *u, const cell_t *next);

static inline cell_t square(cell_t x)
{
    return x * x;
}

#endif
