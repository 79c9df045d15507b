// Generated from data/samples/transpose.c: see test_golden.py.

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
