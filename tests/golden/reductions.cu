// Generated from data/samples/reductions.c: see test_golden.py.
#include "prelude.cuh"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {

/* Reductions of one array to one value. */


/* Wide accumulator, narrow elements: exact for any n below 2^31. */
struct sum_int32_kernel_result {
    int64_t sum;
};

static inline __host__ __device__ void sum_int32_kernel_combine(sum_int32_kernel_result &a, const sum_int32_kernel_result &b) {
    a.sum = a.sum + b.sum;
}

// sum_int32: parallel over i (line 12)
__global__ void sum_int32_kernel(const int32_t *__restrict__ x, size_t n, sum_int32_kernel_result *result) {
    __shared__ sum_int32_kernel_result shared[256];
    int64_t sum = 0;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (size_t)gridDim.x * blockDim.x) {
        sum += x[i];
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].sum = sum;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) sum_int32_kernel_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

static int64_t sum_int32_sequential(size_t n, const int32_t *x)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static int64_t sum_int32_on_device(int32_t *x, size_t n) {
    int64_t sum = 0;
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 512));
        musl_buffer<sum_int32_kernel_result> results((size_t)grid.x * grid.y * grid.z);
        sum_int32_kernel<<<grid, block>>>(x, n, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<sum_int32_kernel_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) sum_int32_kernel_combine(parts[0], parts[i]);
        sum = sum + parts[0].sum;
    }
    return sum;
}

int64_t sum_int32(size_t n, const int32_t *x) {
    musl_range x_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        x_used.add(0, n - 1);
    }
    if (x_used.empty()) {  // the sequential path
        return sum_int32_sequential(n, x);
    }
    auto d_x = musl_upload((int32_t *)x, x_used, true);
    int64_t result = sum_int32_on_device((int32_t *)d_x, n);
    musl_release(d_x, x_used);
    return result;
}

struct sum_of_squares_kernel_result {
    float sum;
};

static inline __host__ __device__ void sum_of_squares_kernel_combine(sum_of_squares_kernel_result &a, const sum_of_squares_kernel_result &b) {
    a.sum = a.sum + b.sum;
}

// sum_of_squares: parallel over i (line 20)
__global__ void sum_of_squares_kernel(const float *__restrict__ x, int n, sum_of_squares_kernel_result *result) {
    __shared__ sum_of_squares_kernel_result shared[256];
    float sum = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        sum += x[i] * x[i];
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].sum = sum;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) sum_of_squares_kernel_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

static float sum_of_squares_sequential(int n, const float *x)
{
    float sum = 0.0f;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}

static float sum_of_squares_on_device(float *x, int n) {
    float sum = 0.0f;
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 512));
        musl_buffer<sum_of_squares_kernel_result> results((size_t)grid.x * grid.y * grid.z);
        sum_of_squares_kernel<<<grid, block>>>(x, n, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<sum_of_squares_kernel_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) sum_of_squares_kernel_combine(parts[0], parts[i]);
        sum = sum + parts[0].sum;
    }
    return sum;
}

float sum_of_squares(int n, const float *x) {
    musl_range x_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        x_used.add(0, n - 1);
    }
    if (x_used.empty()) {  // the sequential path
        return sum_of_squares_sequential(n, x);
    }
    auto d_x = musl_upload((float *)x, x_used, true);
    float result = sum_of_squares_on_device((float *)d_x, n);
    musl_release(d_x, x_used);
    return result;
}

/* Smallest and largest element, one pass; empty arrays leave INT_MAX and INT_MIN. */
struct min_max_kernel1_result {
    int lo;
    int hi;
};

static inline __host__ __device__ void min_max_kernel1_combine(min_max_kernel1_result &a, const min_max_kernel1_result &b) {
    if (b.lo < a.lo) a.lo = b.lo;
    if (b.hi > a.hi) a.hi = b.hi;
}

// min_max: parallel over i (line 30)
__global__ void min_max_kernel1(const int *__restrict__ x, int n, int lo, int hi, min_max_kernel1_result *result) {
    __shared__ min_max_kernel1_result shared[256];
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        lo = x[i] < lo ? x[i] : lo;
        if (x[i] > hi) {
            hi = x[i];
        }
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].lo = lo;
    shared[thread].hi = hi;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) min_max_kernel1_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

// min_max, line 35: in order, by one thread
__global__ void min_max_kernel2(int *__restrict__ lowest, int *__restrict__ highest, int lo, int hi) {
    lowest[0] = lo;
    highest[0] = hi;
}

static void min_max_sequential(int n, const int *x, int *lowest, int *highest)
{
    int lo = INT_MAX;
    int hi = INT_MIN;
    for (int i = 0; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        if (x[i] > hi)
            hi = x[i];
    }
    *lowest = lo;
    *highest = hi;
}

static void min_max_on_device(int *x, int *lowest, int *highest, int n) {
    int lo = 0x7fffffff;
    int hi = -0x7fffffff - 1;
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 512));
        musl_buffer<min_max_kernel1_result> results((size_t)grid.x * grid.y * grid.z);
        min_max_kernel1<<<grid, block>>>(x, n, lo, hi, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<min_max_kernel1_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) min_max_kernel1_combine(parts[0], parts[i]);
        lo = parts[0].lo;
        hi = parts[0].hi;
    }
    {
        const dim3 block(1), grid(1);
        min_max_kernel2<<<grid, block>>>(lowest, highest, lo, hi);
        MUSL_CHECK(cudaGetLastError());
    }
}

void min_max(int n, const int *x, int *lowest, int *highest) {
    musl_range x_used = {0, 0}, lowest_used = {0, 0}, highest_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        x_used.add(0, n - 1);
    }
    lowest_used.add(0, 0);
    highest_used.add(0, 0);
    if ((x_used.empty() && lowest_used.empty() && highest_used.empty()) ||
        musl_overlap((int *)x, x_used, lowest, lowest_used) ||
        musl_overlap((int *)x, x_used, highest, highest_used) ||
        musl_overlap(lowest, lowest_used, highest, highest_used)) {  // the sequential path
        min_max_sequential(n, x, lowest, highest);
        return;
    }
    auto d_x = musl_upload((int *)x, x_used, true);
    auto d_lowest = musl_upload(lowest, lowest_used, false);
    auto d_highest = musl_upload(highest, highest_used, false);
    min_max_on_device((int *)d_x, (int *)d_lowest, (int *)d_highest, n);
    musl_download(lowest, d_lowest, lowest_used);
    musl_download(highest, d_highest, highest_used);
    musl_release(d_x, x_used);
    musl_release(d_lowest, lowest_used);
    musl_release(d_highest, highest_used);
}

struct all_positive_kernel_result {
    bool all;
    long long all_at;
    int all_found;
};

static inline __host__ __device__ void all_positive_kernel_combine(all_positive_kernel_result &a, const all_positive_kernel_result &b) {
    if (b.all_found && (!a.all_found || b.all_at > a.all_at)) { a.all = b.all; a.all_at = b.all_at; a.all_found = 1; }
}

// all_positive: parallel over i (line 42)
__global__ void all_positive_kernel(const double *__restrict__ x, int n, all_positive_kernel_result *result) {
    __shared__ all_positive_kernel_result shared[256];
    bool all = 0;
    long long all_at = 0;
    int all_found = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        if (!(x[i] > 0.0)) {
            all = 0, all_at = (long long)i, all_found = 1;
        }
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].all = all;
    shared[thread].all_at = all_at;
    shared[thread].all_found = all_found;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) all_positive_kernel_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

static bool all_positive_sequential(int n, const double *x)
{
    bool all = true;
    for (int i = 0; i < n; i++)
        if (!(x[i] > 0.0))
            all = false;
    return all;
}

static bool all_positive_on_device(double *x, int n) {
    bool all = 1;
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 512));
        musl_buffer<all_positive_kernel_result> results((size_t)grid.x * grid.y * grid.z);
        all_positive_kernel<<<grid, block>>>(x, n, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<all_positive_kernel_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) all_positive_kernel_combine(parts[0], parts[i]);
        if (parts[0].all_found) { all = parts[0].all; }
    }
    return all;
}

bool all_positive(int n, const double *x) {
    musl_range x_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        x_used.add(0, n - 1);
    }
    if (x_used.empty()) {  // the sequential path
        return all_positive_sequential(n, x);
    }
    auto d_x = musl_upload((double *)x, x_used, true);
    bool result = all_positive_on_device((double *)d_x, n);
    musl_release(d_x, x_used);
    return result;
}

struct any_equal_kernel_result {
    int any;
};

static inline __host__ __device__ void any_equal_kernel_combine(any_equal_kernel_result &a, const any_equal_kernel_result &b) {
    a.any = a.any | b.any;
}

// any_equal: parallel over i (line 51)
__global__ void any_equal_kernel(const int *__restrict__ a, const int *__restrict__ b, int n, any_equal_kernel_result *result) {
    __shared__ any_equal_kernel_result shared[256];
    int any = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        any |= a[i] == b[i];
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].any = any;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) any_equal_kernel_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

static int any_equal_sequential(int n, const int *a, const int *b)
{
    int any = 0;
    for (int i = 0; i < n; i++)
        any |= a[i] == b[i];
    return any;
}

static int any_equal_on_device(int *a, int *b, int n) {
    int any = 0;
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 512));
        musl_buffer<any_equal_kernel_result> results((size_t)grid.x * grid.y * grid.z);
        any_equal_kernel<<<grid, block>>>(a, b, n, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<any_equal_kernel_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) any_equal_kernel_combine(parts[0], parts[i]);
        any = any | parts[0].any;
    }
    return any;
}

int any_equal(int n, const int *a, const int *b) {
    musl_range a_used = {0, 0}, b_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        a_used.add(0, n - 1);
        b_used.add(0, n - 1);
    }
    if (a_used.empty() && b_used.empty()) {  // the sequential path
        return any_equal_sequential(n, a, b);
    }
    auto d_a = musl_upload((int *)a, a_used, true);
    auto d_b = musl_upload((int *)b, b_used, true);
    int result = any_equal_on_device((int *)d_a, (int *)d_b, n);
    musl_release(d_a, a_used);
    musl_release(d_b, b_used);
    return result;
}

/* Index of the first smallest element, -1 for an empty array. */
struct argmin_kernel_result {
    float best_value;
    int best;
    long long best_value_at;
    int best_value_found;
};

static inline __host__ __device__ void argmin_kernel_combine(argmin_kernel_result &a, const argmin_kernel_result &b) {
    if (b.best_value_found && (!a.best_value_found || b.best_value < a.best_value || (b.best_value == a.best_value && b.best_value_at < a.best_value_at))) { a.best_value = b.best_value; a.best = b.best; a.best_value_at = b.best_value_at; a.best_value_found = 1; }
}

// argmin: parallel over i (line 62)
__global__ void argmin_kernel(const float *__restrict__ x, int n, float best_value, argmin_kernel_result *result) {
    __shared__ argmin_kernel_result shared[256];
    int best = 0;
    long long best_value_at = 0;
    int best_value_found = 0;
    for (int i = 1 + blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        if (x[i] < best_value) {
            best_value = x[i], best_value_at = (long long)i - 1, best_value_found = 1;
            best = i;
        }
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].best_value = best_value;
    shared[thread].best = best;
    shared[thread].best_value_at = best_value_at;
    shared[thread].best_value_found = best_value_found;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) argmin_kernel_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

static int argmin_sequential(int n, const float *x)
{
    if (n <= 0)
        return -1;
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] < x[best])
            best = i;
    return best;
}

static int argmin_on_device(float *x, int n) {
    if (n <= 0) {
        return -1;
    }
    int best = 0;
    float best_value = 1 < n ? musl_read(&x[best]) : 0;
    {
        const dim3 block(256), grid(musl_blocks(n - 1, block.x, 512));
        musl_buffer<argmin_kernel_result> results((size_t)grid.x * grid.y * grid.z);
        argmin_kernel<<<grid, block>>>(x, n, best_value, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<argmin_kernel_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) argmin_kernel_combine(parts[0], parts[i]);
        if (parts[0].best_value_found) { best_value = parts[0].best_value; best = parts[0].best; }
    }
    return best;
}

int argmin(int n, const float *x) {
    musl_range x_used = {0, 0};  // the elements that the loops use
    if (!(n <= 0) && 1 < n) {
        x_used.add(0, 0);
    }
    if (1 < n && !(n <= 0)) {
        x_used.add(1, n - 1);
    }
    if (x_used.empty()) {  // the sequential path
        return argmin_sequential(n, x);
    }
    auto d_x = musl_upload((float *)x, x_used, true);
    int result = argmin_on_device((float *)d_x, n);
    musl_release(d_x, x_used);
    return result;
}

}  // extern "C"
