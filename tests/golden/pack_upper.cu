// Generated from data/samples/pack_upper.c: see test_golden.py.

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

/* Packed storage of symmetric matrices. */

/* Upper triangle, row by row: the position k is i * n - i * (i - 1) / 2 + j - i. */
// pack_upper: parallel over i (line 7), j (line 8)
__global__ void pack_upper_kernel(double *__restrict__ packed, const double *__restrict__ a, int n) {
    for (int i = blockIdx.y * blockDim.y + threadIdx.y; i < n; i += gridDim.y * blockDim.y) {
        for (int j = i + blockIdx.x * blockDim.x + threadIdx.x; j < n; j += gridDim.x * blockDim.x) {
            packed[i * n + j - i - (i * i - i) / 2] = a[i * n + j];
        }
    }
}

static void pack_upper_sequential(int n, const double *a, double *packed)
{
    int k = 0;
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++)
            packed[k++] = a[i * n + j];
}

static void pack_upper_on_device(double *a, double *packed, int n) {
    int k = 0;
    {
        const dim3 block(32, 8), grid(musl_blocks(n, block.x, 4096), musl_blocks(n, block.y, 4096));
        pack_upper_kernel<<<grid, block>>>(packed, a, n);
        MUSL_CHECK(cudaGetLastError());
    }
}

void pack_upper(int n, const double *a, double *packed) {
    musl_range a_used = {0, 0}, packed_used = {0, 0};  // the elements that the loops use
    for (int i = 0; i < n; i++) {
        if (i < n) {
            a_used.add(i * n + i, i * n + (n - 1));
            packed_used.add(i * n + i - i - (i * i - i) / 2, i * n + (n - 1) - i - (i * i - i) / 2);
        }
    }
    if ((a_used.empty() && packed_used.empty()) ||
        !(n >= 0) ||
        musl_overlap((double *)a, a_used, packed, packed_used)) {  // the sequential path
        pack_upper_sequential(n, a, packed);
        return;
    }
    auto d_a = musl_upload((double *)a, a_used, true);
    auto d_packed = musl_upload(packed, packed_used, true);
    pack_upper_on_device((double *)d_a, (double *)d_packed, n);
    musl_download(packed, d_packed, packed_used);
    musl_release(d_a, a_used);
    musl_release(d_packed, packed_used);
}

// unpack_upper: parallel over i (line 15), j (line 16)
__global__ void unpack_upper_kernel(double *__restrict__ a, const double *__restrict__ packed, int n) {
    for (int i = blockIdx.y * blockDim.y + threadIdx.y; i < n; i += gridDim.y * blockDim.y) {
        for (int j = i + blockIdx.x * blockDim.x + threadIdx.x; j < n; j += gridDim.x * blockDim.x) {
            a[i * n + j] = packed[i * n + j - i - (i * i - i) / 2];
            a[j * n + i] = packed[i * n + j - i - (i * i - i) / 2];
        }
    }
}

static void unpack_upper_sequential(int n, const double *packed, double *a)
{
    int k = 0;
    for (int i = 0; i < n; i++) {
        for (int j = i; j < n; j++) {
            a[i * n + j] = packed[k];
            a[j * n + i] = packed[k];
            k++;
        }
    }
}

static void unpack_upper_on_device(double *packed, double *a, int n) {
    int k = 0;
    {
        const dim3 block(32, 8), grid(musl_blocks(n, block.x, 4096), musl_blocks(n, block.y, 4096));
        unpack_upper_kernel<<<grid, block>>>(a, packed, n);
        MUSL_CHECK(cudaGetLastError());
    }
}

void unpack_upper(int n, const double *packed, double *a) {
    musl_range packed_used = {0, 0}, a_used = {0, 0};  // the elements that the loops use
    for (int i = 0; i < n; i++) {
        if (i < n) {
            packed_used.add(i * n + i - i - (i * i - i) / 2, i * n + (n - 1) - i - (i * i - i) / 2);
            a_used.add(i * n + i, i * n + (n - 1));
            a_used.add(i * n + i, (n - 1) * n + i);
        }
    }
    if ((packed_used.empty() && a_used.empty()) ||
        !(n >= 0) ||
        musl_overlap((double *)packed, packed_used, a, a_used)) {  // the sequential path
        unpack_upper_sequential(n, packed, a);
        return;
    }
    auto d_packed = musl_upload((double *)packed, packed_used, true);
    auto d_a = musl_upload(a, a_used, true);
    unpack_upper_on_device((double *)d_packed, (double *)d_a, n);
    musl_download(a, d_a, a_used);
    musl_release(d_packed, packed_used);
    musl_release(d_a, a_used);
}

/* Two channels woven into one: one output index through two inner loops. */
// interleave_blocks: parallel over b (line 28)
__global__ void interleave_blocks_kernel(float *__restrict__ out, const float *__restrict__ left, const float *__restrict__ right, int blocks, int left_size, int right_size) {
    for (int b = blockIdx.x * blockDim.x + threadIdx.x; b < blocks; b += gridDim.x * blockDim.x) {
        for (int i = 0; i < left_size; i++) {
            out[b * left_size + b * right_size + i] = left[b * left_size + i];
        }
        for (int i = 0; i < right_size; i++) {
            out[b * left_size + b * right_size + i + left_size] = right[b * right_size + i];
        }
    }
}

static void interleave_blocks_sequential(int blocks, int left_size, int right_size, const float *left, const float *right, float *out)
{
    int index = 0;
    for (int b = 0; b < blocks; b++) {
        for (int i = 0; i < left_size; i++)
            out[index++] = left[b * left_size + i];
        for (int i = 0; i < right_size; i++)
            out[index++] = right[b * right_size + i];
    }
}

static void interleave_blocks_on_device(float *left, float *right, float *out, int blocks, int left_size, int right_size) {
    int index = 0;
    {
        const dim3 block(256), grid(musl_blocks(blocks, block.x, 65535));
        interleave_blocks_kernel<<<grid, block>>>(out, left, right, blocks, left_size, right_size);
        MUSL_CHECK(cudaGetLastError());
    }
}

void interleave_blocks(int blocks, int left_size, int right_size, const float *left, const float *right, float *out) {
    musl_range left_used = {0, 0}, right_used = {0, 0}, out_used = {0, 0};  // the elements that the loops use
    if (0 < blocks && 0 < left_size) {
        left_used.add(0, (blocks - 1) * left_size + (left_size - 1));
        out_used.add(0, (blocks - 1) * left_size + (blocks - 1) * right_size + (left_size - 1));
    }
    if (0 < blocks && 0 < right_size) {
        right_used.add(0, (blocks - 1) * right_size + (right_size - 1));
        out_used.add(left_size, (blocks - 1) * left_size + (blocks - 1) * right_size + (right_size - 1) + left_size);
    }
    if ((left_used.empty() && right_used.empty() && out_used.empty()) ||
        !(blocks >= 0) ||
        !(left_size >= 0) ||
        !(right_size >= 0) ||
        musl_overlap((float *)left, left_used, out, out_used) ||
        musl_overlap((float *)right, right_used, out, out_used)) {  // the sequential path
        interleave_blocks_sequential(blocks, left_size, right_size, left, right, out);
        return;
    }
    auto d_left = musl_upload((float *)left, left_used, true);
    auto d_right = musl_upload((float *)right, right_used, true);
    auto d_out = musl_upload(out, out_used, true);
    interleave_blocks_on_device((float *)d_left, (float *)d_right, (float *)d_out, blocks, left_size, right_size);
    musl_download(out, d_out, out_used);
    musl_release(d_left, left_used);
    musl_release(d_right, right_used);
    musl_release(d_out, out_used);
}

}  // extern "C"
