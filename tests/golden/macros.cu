// Generated from data/samples/macros.c: see test_golden.py.

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
struct largest_magnitude_kernel_result {
    real_t largest;
};

static inline __host__ __device__ void largest_magnitude_kernel_combine(largest_magnitude_kernel_result &a, const largest_magnitude_kernel_result &b) {
    if (b.largest > a.largest) a.largest = b.largest;
}

// largest_magnitude: parallel over i (line 35), j (line 36)
__global__ void largest_magnitude_kernel(const real_t *__restrict__ a, int rows, int cols, real_t largest, largest_magnitude_kernel_result *result) {
    __shared__ largest_magnitude_kernel_result shared[256];
    for (int i = blockIdx.y * blockDim.y + threadIdx.y; i < rows; i += gridDim.y * blockDim.y) {
        for (int j = blockIdx.x * blockDim.x + threadIdx.x; j < cols; j += gridDim.x * blockDim.x) {
            real_t magnitude = a[i * cols + j] < 0 ? -a[i * cols + j] : a[i * cols + j];
            largest = largest > magnitude ? largest : magnitude;
        }
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].largest = largest;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) largest_magnitude_kernel_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

static real_t largest_magnitude_sequential(int rows, int cols, const real_t *a)
{
    real_t largest = R(0.0);
    FOR(i, rows)
        FOR(j, cols) {
            real_t magnitude = a[IDX(i, j)] < 0 ? -a[IDX(i, j)] : a[IDX(i, j)];
            largest = MAX(largest, magnitude);
        }
    return largest;
}

static real_t largest_magnitude_on_device(real_t *a, int rows, int cols) {
    real_t largest = 0.0f;
    {
        const dim3 block(32, 8), grid(musl_blocks(cols, block.x, 32), musl_blocks(rows, block.y, 16));
        musl_buffer<largest_magnitude_kernel_result> results((size_t)grid.x * grid.y * grid.z);
        largest_magnitude_kernel<<<grid, block>>>(a, rows, cols, largest, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<largest_magnitude_kernel_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) largest_magnitude_kernel_combine(parts[0], parts[i]);
        largest = parts[0].largest;
    }
    return largest;
}

real_t largest_magnitude(int rows, int cols, const real_t *a) {
    musl_range a_used = {0, 0};  // the elements that the loops use
    if (0 < rows && 0 < cols) {
        a_used.add(0, (rows - 1) * cols + (cols - 1));
    }
    if (a_used.empty()) {  // the sequential path
        return largest_magnitude_sequential(rows, cols, a);
    }
    auto d_a = musl_upload((real_t *)a, a_used, true);
    real_t result = largest_magnitude_on_device((real_t *)d_a, rows, cols);
    musl_release(d_a, a_used);
    return result;
}

}  // extern "C"
