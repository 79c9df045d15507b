/* Numerical code as it is often found: the precision is a typedef, indexing and bounds are macros. */

#ifdef USE_DOUBLE
typedef double real_t;
#define R(x) x
#else
typedef float real_t;
#define R(x) x##f
#endif

#define IDX(i, j) ((i) * cols + (j))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define FOR(i, n) for (int i = 0; i < (n); ++i)

/* Anisotropic smoothing of the inner cells with limited change. */
void relax(int rows, int cols, real_t limit, const real_t *in, real_t *out)
{
    FOR(i, rows) {
        FOR(j, cols) {
            real_t up = in[IDX(MAX(i - 1, 0), j)];
            real_t down = in[IDX(MIN(i + 1, rows - 1), j)];
            real_t left = in[IDX(i, MAX(j - 1, 0))];
            real_t right = in[IDX(i, MIN(j + 1, cols - 1))];
            real_t change = R(0.25) * (up + down + left + right) - in[IDX(i, j)];
            out[IDX(i, j)] = in[IDX(i, j)] + MIN(MAX(change, -limit), limit);
        }
    }
}

/* Largest element by absolute value. */
real_t largest_magnitude(int rows, int cols, const real_t *a)
{
    real_t largest = R(0.0);
    FOR(i, rows)
        FOR(j, cols) {
            real_t magnitude = a[IDX(i, j)] < 0 ? -a[IDX(i, j)] : a[IDX(i, j)];
            largest = MAX(largest, magnitude);
        }
    return largest;
}
