// Generated from data/samples/jacobi2d.c: see test_golden.py.

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

/* Jacobi iteration for the Laplace equation on an n by n grid.
 *
 * The time loop carries a dependence through `a`; within one time step every cell of the inner grid is independent. */

// jacobi2d: parallel over i (line 8), j (line 9)
__global__ void jacobi2d_kernel1(double *__restrict__ b, const double *__restrict__ a, int n) {
    for (int i = 1 + blockIdx.y * blockDim.y + threadIdx.y; i < n - 1; i += gridDim.y * blockDim.y) {
        for (int j = 1 + blockIdx.x * blockDim.x + threadIdx.x; j < n - 1; j += gridDim.x * blockDim.x) {
            b[i * n + j] = 0.2 * (a[i * n + j] + a[i * n + j - 1] + a[i * n + j + 1] + a[(i - 1) * n + j] + a[(i + 1) * n + j]);
        }
    }
}

// jacobi2d: parallel over i (line 13), j (line 14)
__global__ void jacobi2d_kernel2(double *__restrict__ a, const double *__restrict__ b, int n) {
    for (int i = 1 + blockIdx.y * blockDim.y + threadIdx.y; i < n - 1; i += gridDim.y * blockDim.y) {
        for (int j = 1 + blockIdx.x * blockDim.x + threadIdx.x; j < n - 1; j += gridDim.x * blockDim.x) {
            a[i * n + j] = b[i * n + j];
        }
    }
}

static void jacobi2d_sequential(int n, int steps, double *a, double *b)
{
    for (int t = 0; t < steps; t++) {
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++)
                b[i * n + j] = 0.2 * (a[i * n + j] + a[i * n + j - 1] + a[i * n + j + 1]
                                      + a[(i - 1) * n + j] + a[(i + 1) * n + j]);

        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++)
                a[i * n + j] = b[i * n + j];
    }
}

static void jacobi2d_on_device(double *a, double *b, int n, int steps) {
    for (int t = 0; t < steps; t++) {
        {
            const dim3 block(32, 8), grid(musl_blocks(n - 2, block.x, 4096), musl_blocks(n - 2, block.y, 4096));
            jacobi2d_kernel1<<<grid, block>>>(b, a, n);
            MUSL_CHECK(cudaGetLastError());
        }
        {
            const dim3 block(32, 8), grid(musl_blocks(n - 2, block.x, 4096), musl_blocks(n - 2, block.y, 4096));
            jacobi2d_kernel2<<<grid, block>>>(a, b, n);
            MUSL_CHECK(cudaGetLastError());
        }
    }
}

void jacobi2d(int n, int steps, double *a, double *b) {
    musl_range a_used = {0, 0}, b_used = {0, 0};  // the elements that the loops use
    if (0 < steps && 1 < n - 1) {
        a_used.add(n + 1, (n - 2) * n + (n - 2));
        a_used.add(n, (n - 2) * n + (n - 2) - 1);
        a_used.add(n + 2, (n - 2) * n + (n - 2) + 1);
        a_used.add(1, (n - 3) * n + (n - 2));
        a_used.add(2 * n + 1, (n - 1) * n + (n - 2));
        b_used.add(n + 1, (n - 2) * n + (n - 2));
    }
    if ((a_used.empty() && b_used.empty()) ||
        musl_overlap(a, a_used, b, b_used)) {  // the sequential path
        jacobi2d_sequential(n, steps, a, b);
        return;
    }
    auto d_a = musl_upload(a, a_used, true);
    auto d_b = musl_upload(b, b_used, true);
    jacobi2d_on_device((double *)d_a, (double *)d_b, n, steps);
    musl_download(a, d_a, a_used);
    musl_download(b, d_b, b_used);
    musl_release(d_a, a_used);
    musl_release(d_b, b_used);
}

/* Largest change between two iterates, to decide when to stop. */
struct jacobi2d_residual_kernel_result {
    double worst;
};

static inline __host__ __device__ void jacobi2d_residual_kernel_combine(jacobi2d_residual_kernel_result &a, const jacobi2d_residual_kernel_result &b) {
    if (b.worst > a.worst) a.worst = b.worst;
}

// jacobi2d_residual: parallel over i (line 23), j (line 24)
__global__ void jacobi2d_residual_kernel(const double *__restrict__ a, const double *__restrict__ b, int n, double worst, jacobi2d_residual_kernel_result *result) {
    __shared__ jacobi2d_residual_kernel_result shared[256];
    for (int i = 1 + blockIdx.y * blockDim.y + threadIdx.y; i < n - 1; i += gridDim.y * blockDim.y) {
        for (int j = 1 + blockIdx.x * blockDim.x + threadIdx.x; j < n - 1; j += gridDim.x * blockDim.x) {
            double change = a[i * n + j] - b[i * n + j];
            if (change < 0.0) {
                change = -change;
            }
            if (change > worst) {
                worst = change;
            }
        }
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].worst = worst;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) jacobi2d_residual_kernel_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

static double jacobi2d_residual_sequential(int n, const double *a, const double *b)
{
    double worst = 0.0;
    for (int i = 1; i < n - 1; i++) {
        for (int j = 1; j < n - 1; j++) {
            double change = a[i * n + j] - b[i * n + j];
            if (change < 0.0)
                change = -change;
            if (change > worst)
                worst = change;
        }
    }
    return worst;
}

static double jacobi2d_residual_on_device(double *a, double *b, int n) {
    double worst = 0.0;
    {
        const dim3 block(32, 8), grid(musl_blocks(n - 2, block.x, 32), musl_blocks(n - 2, block.y, 16));
        musl_buffer<jacobi2d_residual_kernel_result> results((size_t)grid.x * grid.y * grid.z);
        jacobi2d_residual_kernel<<<grid, block>>>(a, b, n, worst, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<jacobi2d_residual_kernel_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) jacobi2d_residual_kernel_combine(parts[0], parts[i]);
        worst = parts[0].worst;
    }
    return worst;
}

double jacobi2d_residual(int n, const double *a, const double *b) {
    musl_range a_used = {0, 0}, b_used = {0, 0};  // the elements that the loops use
    if (1 < n - 1) {
        a_used.add(n + 1, (n - 2) * n + (n - 2));
        b_used.add(n + 1, (n - 2) * n + (n - 2));
    }
    if (a_used.empty() && b_used.empty()) {  // the sequential path
        return jacobi2d_residual_sequential(n, a, b);
    }
    auto d_a = musl_upload((double *)a, a_used, true);
    auto d_b = musl_upload((double *)b, b_used, true);
    double result = jacobi2d_residual_on_device((double *)d_a, (double *)d_b, n);
    musl_release(d_a, a_used);
    musl_release(d_b, b_used);
    return result;
}

}  // extern "C"
