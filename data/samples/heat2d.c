/* Heat on a plate of ny rows and nx columns, five-point stencil. */

#include <stddef.h>

/* One step; cells on the border are copied. */
void heat2d_step(size_t ny, size_t nx, float alpha, const float *in, float *out)
{
    for (size_t y = 0; y < ny; y++) {
        for (size_t x = 0; x < nx; x++) {
            const size_t c = y * nx + x;
            if (y == 0 || x == 0 || y == ny - 1 || x == nx - 1) {
                out[c] = in[c];
                continue;
            }
            float laplacian = in[c - nx] + in[c + nx] + in[c - 1] + in[c + 1] - 4.0f * in[c];
            out[c] = in[c] + alpha * laplacian;
        }
    }
}

/* Total heat of the plate: what an insulated plate must conserve. */
double heat2d_total(size_t ny, size_t nx, const float *u)
{
    double total = 0.0;
    for (size_t y = 0; y < ny; y++)
        for (size_t x = 0; x < nx; x++)
            total += u[y * nx + x];
    return total;
}
