// Generated from data/samples/dot.c: see test_golden.py.
#include "prelude.cuh"

#include <math.h>

extern "C" {

/* Inner products and what is made of them. */


struct dot_kernel_result {
    double sum;
};

static inline __host__ __device__ void dot_kernel_combine(dot_kernel_result &a, const dot_kernel_result &b) {
    a.sum = a.sum + b.sum;
}

// dot: parallel over i (line 8)
__global__ void dot_kernel(const double *__restrict__ x, const double *__restrict__ y, int n, dot_kernel_result *result) {
    __shared__ dot_kernel_result shared[256];
    double sum = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        sum += x[i] * y[i];
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].sum = sum;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) dot_kernel_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

static double dot_sequential(int n, const double *x, const double *y)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static double dot_on_device(double *x, double *y, int n) {
    double sum = 0.0;
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 512));
        musl_buffer<dot_kernel_result> results((size_t)grid.x * grid.y * grid.z);
        dot_kernel<<<grid, block>>>(x, y, n, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<dot_kernel_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) dot_kernel_combine(parts[0], parts[i]);
        sum = sum + parts[0].sum;
    }
    return sum;
}

double dot(int n, const double *x, const double *y) {
    musl_range x_used = {0, 0}, y_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        x_used.add(0, n - 1);
        y_used.add(0, n - 1);
    }
    if (x_used.empty() && y_used.empty()) {  // the sequential path
        return dot_sequential(n, x, y);
    }
    auto d_x = musl_upload((double *)x, x_used, true);
    auto d_y = musl_upload((double *)y, y_used, true);
    double result = dot_on_device((double *)d_x, (double *)d_y, n);
    musl_release(d_x, x_used);
    musl_release(d_y, y_used);
    return result;
}

/* Cosine of the angle between x and y, 0 where one of them is the zero vector: three sums in one pass. */
struct cosine_similarity_kernel_result {
    float xy;
    float xx;
    float yy;
};

static inline __host__ __device__ void cosine_similarity_kernel_combine(cosine_similarity_kernel_result &a, const cosine_similarity_kernel_result &b) {
    a.xy = a.xy + b.xy;
    a.xx = a.xx + b.xx;
    a.yy = a.yy + b.yy;
}

// cosine_similarity: parallel over i (line 17)
__global__ void cosine_similarity_kernel(const float *__restrict__ x, const float *__restrict__ y, int n, cosine_similarity_kernel_result *result) {
    __shared__ cosine_similarity_kernel_result shared[256];
    float xy = 0;
    float xx = 0;
    float yy = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        xy += x[i] * y[i];
        xx += x[i] * x[i];
        yy += y[i] * y[i];
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].xy = xy;
    shared[thread].xx = xx;
    shared[thread].yy = yy;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) cosine_similarity_kernel_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

static float cosine_similarity_sequential(int n, const float *x, const float *y)
{
    float xy = 0.0f, xx = 0.0f, yy = 0.0f;
    for (int i = 0; i < n; i++) {
        xy += x[i] * y[i];
        xx += x[i] * x[i];
        yy += y[i] * y[i];
    }
    if (xx == 0.0f || yy == 0.0f)
        return 0.0f;
    return xy / (sqrtf(xx) * sqrtf(yy));
}

static float cosine_similarity_on_device(float *x, float *y, int n) {
    float xy = 0.0f;
    float xx = 0.0f;
    float yy = 0.0f;
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 512));
        musl_buffer<cosine_similarity_kernel_result> results((size_t)grid.x * grid.y * grid.z);
        cosine_similarity_kernel<<<grid, block>>>(x, y, n, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<cosine_similarity_kernel_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) cosine_similarity_kernel_combine(parts[0], parts[i]);
        xy = xy + parts[0].xy;
        xx = xx + parts[0].xx;
        yy = yy + parts[0].yy;
    }
    if (xx == 0.0f || yy == 0.0f) {
        return 0.0f;
    }
    return xy / (sqrtf(xx) * sqrtf(yy));
}

float cosine_similarity(int n, const float *x, const float *y) {
    musl_range x_used = {0, 0}, y_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        x_used.add(0, n - 1);
        y_used.add(0, n - 1);
    }
    if (x_used.empty() && y_used.empty()) {  // the sequential path
        return cosine_similarity_sequential(n, x, y);
    }
    auto d_x = musl_upload((float *)x, x_used, true);
    auto d_y = musl_upload((float *)y, y_used, true);
    float result = cosine_similarity_on_device((float *)d_x, (float *)d_y, n);
    musl_release(d_x, x_used);
    musl_release(d_y, y_used);
    return result;
}

/* x scaled to length 1 in place; returns the old length. A reduction, then a loop that uses it. */
struct normalize_kernel1_result {
    double sum;
};

static inline __host__ __device__ void normalize_kernel1_combine(normalize_kernel1_result &a, const normalize_kernel1_result &b) {
    a.sum = a.sum + b.sum;
}

// normalize: parallel over i (line 31)
__global__ void normalize_kernel1(const double *__restrict__ x, int n, normalize_kernel1_result *result) {
    __shared__ normalize_kernel1_result shared[256];
    double sum = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        sum += x[i] * x[i];
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].sum = sum;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) normalize_kernel1_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

// normalize: parallel over i (line 35)
__global__ void normalize_kernel2(double *__restrict__ x, int n, double length) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        x[i] /= length;
    }
}

static double normalize_sequential(int n, double *x)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += x[i] * x[i];
    const double length = sqrt(sum);
    if (length > 0.0) {
        for (int i = 0; i < n; i++)
            x[i] /= length;
    }
    return length;
}

static double normalize_on_device(double *x, int n) {
    double sum = 0.0;
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 512));
        musl_buffer<normalize_kernel1_result> results((size_t)grid.x * grid.y * grid.z);
        normalize_kernel1<<<grid, block>>>(x, n, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<normalize_kernel1_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) normalize_kernel1_combine(parts[0], parts[i]);
        sum = sum + parts[0].sum;
    }
    const double length = sqrt(sum);
    if (length > 0.0) {
        const dim3 block(256), grid(musl_blocks(n, block.x, 65535));
        normalize_kernel2<<<grid, block>>>(x, n, length);
        MUSL_CHECK(cudaGetLastError());
    }
    return length;
}

double normalize(int n, double *x) {
    musl_range x_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        x_used.add(0, n - 1);
    }
    if (x_used.empty()) {  // the sequential path
        return normalize_sequential(n, x);
    }
    auto d_x = musl_upload(x, x_used, true);
    double result = normalize_on_device((double *)d_x, n);
    musl_download(x, d_x, x_used);
    musl_release(d_x, x_used);
    return result;
}

}  // extern "C"
