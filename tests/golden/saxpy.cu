// Generated from data/samples/saxpy.c: see test_golden.py.
#include "prelude.cuh"

extern "C" {

/* Level-1 BLAS in its simplest forms: y = a * x + y. */

/* Unit stride: the textbook loop. */
// saxpy: parallel over i (line 6)
__global__ void saxpy_kernel(float *__restrict__ y, const float *__restrict__ x, int n, float a) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        y[i] += a * x[i];
    }
}

static void saxpy_sequential(int n, float a, const float *x, float *y)
{
    for (int i = 0; i < n; i++)
        y[i] = a * x[i] + y[i];
}

static void saxpy_on_device(float *x, float *y, int n, float a) {
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 65535));
        saxpy_kernel<<<grid, block>>>(y, x, n, a);
        MUSL_CHECK(cudaGetLastError());
    }
}

void saxpy(int n, float a, const float *x, float *y) {
    musl_range x_used = {0, 0}, y_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        x_used.add(0, n - 1);
        y_used.add(0, n - 1);
    }
    if ((x_used.empty() && y_used.empty()) ||
        musl_overlap((float *)x, x_used, y, y_used)) {  // the sequential path
        saxpy_sequential(n, a, x, y);
        return;
    }
    auto d_x = musl_upload((float *)x, x_used, true);
    auto d_y = musl_upload(y, y_used, true);
    saxpy_on_device((float *)d_x, (float *)d_y, n, a);
    musl_download(y, d_y, y_used);
    musl_release(d_x, x_used);
    musl_release(d_y, y_used);
}

/* Strided, as the BLAS declares it. A stride of 0 in y would make every iteration write the same element. */
// saxpy_strided: parallel over i (line 14)
__global__ void saxpy_strided_kernel(float *__restrict__ y, const float *__restrict__ x, int n, int incy, float a, int incx) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        y[i * incy] += a * x[i * incx];
    }
}

static void saxpy_strided_sequential(int n, float a, const float *x, int incx, float *y, int incy)
{
    int i;
    for (i = 0; i < n; ++i)
        y[i * incy] += a * x[i * incx];
}

static void saxpy_strided_on_device(float *x, float *y, int n, float a, int incx, int incy) {
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 65535));
        saxpy_strided_kernel<<<grid, block>>>(y, x, n, incy, a, incx);
        MUSL_CHECK(cudaGetLastError());
    }
}

void saxpy_strided(int n, float a, const float *x, int incx, float *y, int incy) {
    musl_range x_used = {0, 0}, y_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        x_used.add(0, (n - 1) * incx);
        y_used.add(0, (n - 1) * incy);
    }
    if ((x_used.empty() && y_used.empty()) ||
        !(incy > 0) ||
        !(incx >= 0) ||
        !(incy >= 0) ||
        musl_overlap((float *)x, x_used, y, y_used)) {  // the sequential path
        saxpy_strided_sequential(n, a, x, incx, y, incy);
        return;
    }
    auto d_x = musl_upload((float *)x, x_used, true);
    auto d_y = musl_upload(y, y_used, true);
    saxpy_strided_on_device((float *)d_x, (float *)d_y, n, a, incx, incy);
    musl_download(y, d_y, y_used);
    musl_release(d_x, x_used);
    musl_release(d_y, y_used);
}

/* Every second element, walked backwards. */
// daxpy_odd_reversed: parallel over i (line 21)
__global__ void daxpy_odd_reversed_kernel(double *__restrict__ y, const double *__restrict__ x, int n, double a) {
    for (int i = 2 * n - 1 - (((int)blockIdx.x * blockDim.x + threadIdx.x) * 2); i > 0; i -= (int)(gridDim.x * blockDim.x) * 2) {
        y[i] += a * x[i];
    }
}

static void daxpy_odd_reversed_sequential(int n, double a, const double *x, double *y)
{
    for (int i = 2 * n - 1; i > 0; i -= 2)
        y[i] = a * x[i] + y[i];
}

static void daxpy_odd_reversed_on_device(double *x, double *y, int n, double a) {
    {
        const dim3 block(256), grid(musl_blocks((2 * n - 1 + 2 - 1) / 2, block.x, 65535));
        daxpy_odd_reversed_kernel<<<grid, block>>>(y, x, n, a);
        MUSL_CHECK(cudaGetLastError());
    }
}

void daxpy_odd_reversed(int n, double a, const double *x, double *y) {
    musl_range x_used = {0, 0}, y_used = {0, 0};  // the elements that the loops use
    if (2 * n - 1 > 0) {
        x_used.add(2 * n - 1 - (2 * n / 2 - 1) * 2, 2 * n - 1);
        y_used.add(2 * n - 1 - (2 * n / 2 - 1) * 2, 2 * n - 1);
    }
    if ((x_used.empty() && y_used.empty()) ||
        musl_overlap((double *)x, x_used, y, y_used)) {  // the sequential path
        daxpy_odd_reversed_sequential(n, a, x, y);
        return;
    }
    auto d_x = musl_upload((double *)x, x_used, true);
    auto d_y = musl_upload(y, y_used, true);
    daxpy_odd_reversed_on_device((double *)d_x, (double *)d_y, n, a);
    musl_download(y, d_y, y_used);
    musl_release(d_x, x_used);
    musl_release(d_y, y_used);
}

}  // extern "C"
