/* Escape times of the Mandelbrot set. */

/* Iterations until |z| > 2, at most `limit`: a while loop that each pixel leaves at its own time. */
static int escape_time(double cr, double ci, int limit)
{
    double zr = 0.0, zi = 0.0;
    int count = 0;
    while (count < limit) {
        double zr2 = zr * zr;
        double zi2 = zi * zi;
        if (zr2 + zi2 > 4.0)
            break;
        zi = 2.0 * zr * zi + ci;
        zr = zr2 - zi2 + cr;
        count++;
    }
    return count;
}

/* `height` by `width` counts for the rectangle that starts at (left, bottom) with square pixels of side `step`. */
void mandelbrot(int height, int width, double left, double bottom, double step, int limit, int *counts)
{
    for (int row = 0; row < height; row++) {
        double ci = bottom + row * step;
        for (int col = 0; col < width; col++)
            counts[row * width + col] = escape_time(left + col * step, ci, limit);
    }
}
