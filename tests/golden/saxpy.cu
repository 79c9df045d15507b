// Generated from data/samples/saxpy.c: see test_golden.py.

#ifndef MUSL_PRELUDE
#define MUSL_PRELUDE
// Helpers of the host wrappers that MuSL writes.
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <vector>

// Every CUDA call is checked: an error names its place and ends the program.
#define MUSL_CHECK(call)                                                                              \
    do {                                                                                              \
        cudaError_t musl_error = (call);                                                              \
        if (musl_error != cudaSuccess) {                                                              \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, cudaGetErrorString(musl_error)); \
            abort();                                                                                  \
        }                                                                                             \
    } while (0)

// The elements of an array that the loops use: low to high - 1.
struct musl_range {
    long long low, high;
    void add(long long first, long long last) {
        if (low == high) {
            low = first;
            high = last + 1;
        }
        if (first < low) low = first;
        if (last + 1 > high) high = last + 1;
    }
    size_t count() const { return (size_t)(high - low); }
    bool empty() const { return low == high; }
    bool covers(const musl_range &other) const { return other.empty() || (low <= other.low && other.high <= high); }
};

template <typename A, typename B>
static bool musl_overlap(const A *a, const musl_range &ra, const B *b, const musl_range &rb) {
    if (ra.low == ra.high || rb.low == rb.high) return false;
    const char *a_first = (const char *)(a + ra.low), *a_end = (const char *)(a + ra.high);
    const char *b_first = (const char *)(b + rb.low), *b_end = (const char *)(b + rb.high);
    return a_first < b_end && b_first < a_end;
}

// A device copy of a[range.low .. range.high), addressed like `a` itself; null for a null or unused array.
template <typename T>
static T *musl_upload(const T *a, const musl_range &range, bool copy) {
    if (a == NULL || range.low == range.high) return NULL;
    T *device = NULL;
    MUSL_CHECK(cudaMalloc((void **)&device, range.count() * sizeof(T)));
    if (copy) MUSL_CHECK(cudaMemcpy(device, a + range.low, range.count() * sizeof(T), cudaMemcpyHostToDevice));
    return device - range.low;
}

template <typename T>
static void musl_download(T *a, const T *device, const musl_range &range) {
    if (device == NULL) return;
    MUSL_CHECK(cudaMemcpy(a + range.low, device + range.low, range.count() * sizeof(T), cudaMemcpyDeviceToHost));
}

template <typename T>
static void musl_release(T *device, const musl_range &range) {
    if (device != NULL) MUSL_CHECK(cudaFree((void *)(device + range.low)));
}

// Device memory that lives as long as its scope.
template <typename T>
struct musl_buffer {
    T *data;
    size_t count;
    explicit musl_buffer(size_t n, const T *values = NULL) : data(NULL), count(n) {
        MUSL_CHECK(cudaMalloc((void **)&data, n * sizeof(T)));
        if (values != NULL) MUSL_CHECK(cudaMemcpy(data, values, n * sizeof(T), cudaMemcpyHostToDevice));
    }
    ~musl_buffer() { MUSL_CHECK(cudaFree(data)); }
    musl_buffer(const musl_buffer &) = delete;
    musl_buffer &operator=(const musl_buffer &) = delete;
    std::vector<T> to_host() const {
        std::vector<T> values(count);
        MUSL_CHECK(cudaMemcpy(values.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost));
        return values;
    }
};

// For each element of a range, the number (from 1) of the last iteration that writes it; 0 for none.
struct musl_ordered {
    musl_buffer<unsigned long long> memory;
    unsigned long long *data;
    explicit musl_ordered(const musl_range &range) : memory(range.count()), data(memory.data - range.low) {
        MUSL_CHECK(cudaMemset(memory.data, 0, range.count() * sizeof(unsigned long long)));
    }
};

// One element of device memory, for the host's own decisions.
template <typename T>
static T musl_read(const T *device) {
    T value;
    MUSL_CHECK(cudaMemcpy(&value, device, sizeof(T), cudaMemcpyDeviceToHost));
    return value;
}

// Blocks that cover `count` iterations, at least one and at most `most`: the kernels' loops stride over the rest.
static inline unsigned int musl_blocks(long long count, unsigned int block, unsigned int most) {
    long long blocks = (count + block - 1) / block;
    return blocks < 1 ? 1 : blocks > (long long)most ? most : (unsigned int)blocks;
}
#endif

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
