// Generated from data/samples/transpose.c: see test_golden.py.
#include "prelude.cuh"

extern "C" {

/* Transposition, out of place and in place. */

// transpose: parallel over r (line 5), c (line 6)
__global__ void transpose_kernel(float *__restrict__ out, const float *__restrict__ in, int rows, int cols) {
    for (int r = blockIdx.y * blockDim.y + threadIdx.y; r < rows; r += gridDim.y * blockDim.y) {
        for (int c = blockIdx.x * blockDim.x + threadIdx.x; c < cols; c += gridDim.x * blockDim.x) {
            out[c * rows + r] = in[r * cols + c];
        }
    }
}

static void transpose_sequential(int rows, int cols, const float *in, float *out)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            out[c * rows + r] = in[r * cols + c];
}

static void transpose_on_device(float *in, float *out, int rows, int cols) {
    {
        const dim3 block(32, 8), grid(musl_blocks(cols, block.x, 4096), musl_blocks(rows, block.y, 4096));
        transpose_kernel<<<grid, block>>>(out, in, rows, cols);
        MUSL_CHECK(cudaGetLastError());
    }
}

void transpose(int rows, int cols, const float *in, float *out) {
    musl_range in_used = {0, 0}, out_used = {0, 0};  // the elements that the loops use
    if (0 < rows && 0 < cols) {
        in_used.add(0, (rows - 1) * cols + (cols - 1));
        out_used.add(0, (cols - 1) * rows + (rows - 1));
    }
    if ((in_used.empty() && out_used.empty()) ||
        musl_overlap((float *)in, in_used, out, out_used)) {  // the sequential path
        transpose_sequential(rows, cols, in, out);
        return;
    }
    auto d_in = musl_upload((float *)in, in_used, true);
    auto d_out = musl_upload(out, out_used, false);
    transpose_on_device((float *)d_in, (float *)d_out, rows, cols);
    musl_download(out, d_out, out_used);
    musl_release(d_in, in_used);
    musl_release(d_out, out_used);
}

/* In place for square matrices: each pair (i, j), (j, i) is swapped once, by the iteration with j > i. */
// transpose_in_place: parallel over i (line 13), j (line 14)
__global__ void transpose_in_place_kernel(double *__restrict__ a, int n) {
    for (int i = blockIdx.y * blockDim.y + threadIdx.y; i < n; i += gridDim.y * blockDim.y) {
        for (int j = i + 1 + blockIdx.x * blockDim.x + threadIdx.x; j < n; j += gridDim.x * blockDim.x) {
            double t = a[i * n + j];
            a[i * n + j] = a[j * n + i];
            a[j * n + i] = t;
        }
    }
}

static void transpose_in_place_sequential(int n, double *a)
{
    for (int i = 0; i < n; i++) {
        for (int j = i + 1; j < n; j++) {
            double t = a[i * n + j];
            a[i * n + j] = a[j * n + i];
            a[j * n + i] = t;
        }
    }
}

static void transpose_in_place_on_device(double *a, int n) {
    {
        const dim3 block(32, 8), grid(musl_blocks(n - (0 + 1), block.x, 4096), musl_blocks(n, block.y, 4096));
        transpose_in_place_kernel<<<grid, block>>>(a, n);
        MUSL_CHECK(cudaGetLastError());
    }
}

void transpose_in_place(int n, double *a) {
    musl_range a_used = {0, 0};  // the elements that the loops use
    for (int i = 0; i < n; i++) {
        if (i + 1 < n) {
            a_used.add(i * n + (i + 1), i * n + (n - 1));
            a_used.add((i + 1) * n + i, (n - 1) * n + i);
        }
    }
    if (a_used.empty()) {  // the sequential path
        transpose_in_place_sequential(n, a);
        return;
    }
    auto d_a = musl_upload(a, a_used, true);
    transpose_in_place_on_device((double *)d_a, n);
    musl_download(a, d_a, a_used);
    musl_release(d_a, a_used);
}

}  // extern "C"
