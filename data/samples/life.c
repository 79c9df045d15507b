/* Conway's Game of Life on a torus. A cell is 1 or 0. */

#include <stdint.h>

void life_step(int rows, int cols, const uint8_t *now, uint8_t *next)
{
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
            int neighbours = 0;
            for (int dr = -1; dr <= 1; dr++)
                for (int dc = -1; dc <= 1; dc++)
                    if (dr != 0 || dc != 0)
                        neighbours += now[(r + dr + rows) % rows * cols + (c + dc + cols) % cols];

            switch (neighbours) {
            case 2:
                next[r * cols + c] = now[r * cols + c];
                break;
            case 3:
                next[r * cols + c] = 1;
                break;
            default:
                next[r * cols + c] = 0;
            }
        }
    }
}

long life_population(int rows, int cols, const uint8_t *cells)
{
    long alive = 0;
    for (int i = 0; i < rows * cols; i++)
        if (cells[i])
            ++alive;
    return alive;
}
