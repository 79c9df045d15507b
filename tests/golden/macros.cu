// Generated from data/samples/macros.c: see test_golden.py.
#include "prelude.cuh"

extern "C" {

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
// relax: parallel over i (line 19), j (line 20)
__global__ void relax_kernel(const real_t *__restrict__ in, real_t *__restrict__ out, int rows, int cols, real_t limit) {
    for (int i = blockIdx.y * blockDim.y + threadIdx.y; i < rows; i += gridDim.y * blockDim.y) {
        for (int j = blockIdx.x * blockDim.x + threadIdx.x; j < cols; j += gridDim.x * blockDim.x) {
            real_t up = in[(i - 1 > 0 ? i - 1 : 0) * cols + j];
            real_t down = in[(i + 1 < rows - 1 ? i + 1 : rows - 1) * cols + j];
            real_t left = in[i * cols + (j - 1 > 0 ? j - 1 : 0)];
            real_t right = in[i * cols + (j + 1 < cols - 1 ? j + 1 : cols - 1)];
            real_t change = 0.25f * (up + down + left + right) - in[i * cols + j];
            out[i * cols + j] = in[i * cols + j] + ((change > -limit ? change : -limit) < limit ? change > -limit ? change : -limit : limit);
        }
    }
}

static void relax_sequential(int rows, int cols, real_t limit, const real_t *in, real_t *out)
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

static void relax_on_device(real_t *in, real_t *out, int rows, int cols, real_t limit) {
    {
        const dim3 block(32, 8), grid(musl_blocks(cols, block.x, 4096), musl_blocks(rows, block.y, 4096));
        relax_kernel<<<grid, block>>>(in, out, rows, cols, limit);
        MUSL_CHECK(cudaGetLastError());
    }
}

void relax(int rows, int cols, real_t limit, const real_t *in, real_t *out) {
    musl_range in_used = {0, 0}, out_used = {0, 0};  // the elements that the loops use
    if (0 < cols) {
        for (int i = 0; i < rows; i++) {
            in_used.add((i - 1 > 0 ? i - 1 : 0) * cols, (i - 1 > 0 ? i - 1 : 0) * cols + (cols - 1));
            in_used.add((i + 1 < rows - 1 ? i + 1 : rows - 1) * cols, (i + 1 < rows - 1 ? i + 1 : rows - 1) * cols + (cols - 1));
        }
    }
    if (0 < rows) {
        for (int j = 0; j < cols; j++) {
            in_used.add(j - 1 > 0 ? j - 1 : 0, (rows - 1) * cols + (j - 1 > 0 ? j - 1 : 0));
            in_used.add(j + 1 < cols - 1 ? j + 1 : cols - 1, (rows - 1) * cols + (j + 1 < cols - 1 ? j + 1 : cols - 1));
        }
    }
    if (0 < rows && 0 < cols) {
        in_used.add(0, (rows - 1) * cols + (cols - 1));
        out_used.add(0, (rows - 1) * cols + (cols - 1));
    }
    if ((in_used.empty() && out_used.empty()) ||
        musl_overlap((real_t *)in, in_used, out, out_used)) {  // the sequential path
        relax_sequential(rows, cols, limit, in, out);
        return;
    }
    auto d_in = musl_upload((real_t *)in, in_used, true);
    auto d_out = musl_upload(out, out_used, false);
    relax_on_device((real_t *)d_in, (real_t *)d_out, rows, cols, limit);
    musl_download(out, d_out, out_used);
    musl_release(d_in, in_used);
    musl_release(d_out, out_used);
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

}  // extern "C"
