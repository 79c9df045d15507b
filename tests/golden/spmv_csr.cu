// Generated from data/samples/spmv_csr.c: see test_golden.py.

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

/* Sparse matrix times vector, compressed sparse rows. */

/* Row i has the entries row_start[i] .. row_start[i + 1] - 1. */
// spmv_csr: parallel over i (line 6)
__global__ void spmv_csr_kernel(const int *__restrict__ row_start, const double *__restrict__ value, const double *__restrict__ x, const int *__restrict__ column, double *__restrict__ y, int rows) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < rows; i += gridDim.x * blockDim.x) {
        double sum = 0.0;
        for (int e = row_start[i]; e < row_start[i + 1]; e++) {
            sum += value[e] * x[column[e]];
        }
        y[i] = sum;
    }
}

static void spmv_csr_sequential(int rows, const int *row_start, const int *column, const double *value, const double *x, double *y)
{
    for (int i = 0; i < rows; i++) {
        double sum = 0.0;
        for (int e = row_start[i]; e < row_start[i + 1]; e++)
            sum += value[e] * x[column[e]];
        y[i] = sum;
    }
}

static void spmv_csr_on_device(int *row_start, int *column, double *value, double *x, double *y, int rows) {
    {
        const dim3 block(256), grid(musl_blocks(rows, block.x, 65535));
        spmv_csr_kernel<<<grid, block>>>(row_start, value, x, column, y, rows);
        MUSL_CHECK(cudaGetLastError());
    }
}

void spmv_csr(int rows, const int *row_start, const int *column, const double *value, const double *x, double *y) {
    musl_range row_start_used = {0, 0}, column_used = {0, 0}, value_used = {0, 0}, x_used = {0, 0}, y_used = {0, 0};  // the elements that the loops use
    if (0 < rows) {
        row_start_used.add(0, rows - 1);
        row_start_used.add(1, rows);
        y_used.add(0, rows - 1);
    }
    for (int i = 0; i < rows; i++) {
        if (row_start[i] < row_start[i + 1]) {
            column_used.add(row_start[i], row_start[i + 1] - 1);
            value_used.add(row_start[i], row_start[i + 1] - 1);
        }
    }
    for (int i = 0; i < rows; i++) {
        for (int e = row_start[i]; e < row_start[i + 1]; e++) {
            x_used.add(column[e], column[e]);
        }
    }
    if ((row_start_used.empty() && column_used.empty() && value_used.empty() && x_used.empty() && y_used.empty()) ||
        musl_overlap((int *)row_start, row_start_used, y, y_used) ||
        musl_overlap((int *)column, column_used, y, y_used) ||
        musl_overlap((double *)value, value_used, y, y_used) ||
        musl_overlap((double *)x, x_used, y, y_used)) {  // the sequential path
        spmv_csr_sequential(rows, row_start, column, value, x, y);
        return;
    }
    auto d_row_start = musl_upload((int *)row_start, row_start_used, true);
    auto d_column = musl_upload((int *)column, column_used, true);
    auto d_value = musl_upload((double *)value, value_used, true);
    auto d_x = musl_upload((double *)x, x_used, true);
    auto d_y = musl_upload(y, y_used, false);
    spmv_csr_on_device((int *)d_row_start, (int *)d_column, (double *)d_value, (double *)d_x, (double *)d_y, rows);
    musl_download(y, d_y, y_used);
    musl_release(d_row_start, row_start_used);
    musl_release(d_column, column_used);
    musl_release(d_value, value_used);
    musl_release(d_x, x_used);
    musl_release(d_y, y_used);
}

/* Reciprocal of the diagonal, 1 where a row has none (Jacobi preconditioner). */
void csr_inverse_diagonal(int rows, const int *row_start, const int *column, const double *value, double *inverse)
{
    for (int i = 0; i < rows; i++) {
        double d = 1.0;
        for (int e = row_start[i]; e < row_start[i + 1]; e++) {
            if (column[e] == i && value[e] != 0.0) {
                d = value[e];
                break;
            }
        }
        inverse[i] = 1.0 / d;
    }
}

}  // extern "C"
