// Generated from data/samples/jacobi2d.c: see test_golden.py.
#include "prelude.cuh"

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
