// Generated from data/samples/matmul.c: see test_golden.py.
#include "prelude.cuh"

extern "C" {

/* Dense matrix products, with row-major matrices. */

/* C (m by n) = alpha * A (m by k) * B (k by n) + beta * C, flat arrays. */
// sgemm: parallel over i (line 6), j (line 7)
__global__ void sgemm_kernel(const float *__restrict__ a, const float *__restrict__ b, float *__restrict__ c, int m, int n, int k, float alpha, float beta) {
    for (int i = blockIdx.y * blockDim.y + threadIdx.y; i < m; i += gridDim.y * blockDim.y) {
        for (int j = blockIdx.x * blockDim.x + threadIdx.x; j < n; j += gridDim.x * blockDim.x) {
            float sum = 0.0f;
            for (int p = 0; p < k; p++) {
                sum += a[i * k + p] * b[p * n + j];
            }
            c[i * n + j] = alpha * sum + beta * c[i * n + j];
        }
    }
}

static void sgemm_sequential(int m, int n, int k, float alpha, const float *a, const float *b, float beta, float *c)
{
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            float sum = 0.0f;
            for (int p = 0; p < k; p++)
                sum += a[i * k + p] * b[p * n + j];
            c[i * n + j] = alpha * sum + beta * c[i * n + j];
        }
    }
}

static void sgemm_on_device(float *a, float *b, float *c, int m, int n, int k, float alpha, float beta) {
    {
        const dim3 block(32, 8), grid(musl_blocks(n, block.x, 4096), musl_blocks(m, block.y, 4096));
        sgemm_kernel<<<grid, block>>>(a, b, c, m, n, k, alpha, beta);
        MUSL_CHECK(cudaGetLastError());
    }
}

void sgemm(int m, int n, int k, float alpha, const float *a, const float *b, float beta, float *c) {
    musl_range a_used = {0, 0}, b_used = {0, 0}, c_used = {0, 0};  // the elements that the loops use
    if (0 < m && 0 < n && 0 < k) {
        a_used.add(0, (m - 1) * k + (k - 1));
        b_used.add(0, (k - 1) * n + (n - 1));
    }
    if (0 < m && 0 < n) {
        c_used.add(0, (m - 1) * n + (n - 1));
    }
    if ((a_used.empty() && b_used.empty() && c_used.empty()) ||
        musl_overlap((float *)a, a_used, c, c_used) ||
        musl_overlap((float *)b, b_used, c, c_used)) {  // the sequential path
        sgemm_sequential(m, n, k, alpha, a, b, beta, c);
        return;
    }
    auto d_a = musl_upload((float *)a, a_used, true);
    auto d_b = musl_upload((float *)b, b_used, true);
    auto d_c = musl_upload(c, c_used, true);
    sgemm_on_device((float *)d_a, (float *)d_b, (float *)d_c, m, n, k, alpha, beta);
    musl_download(c, d_c, c_used);
    musl_release(d_a, a_used);
    musl_release(d_b, b_used);
    musl_release(d_c, c_used);
}

/* The same product with variable-length array parameters, accumulating in place (i-k-j order). */
// matmul_vla: parallel over i (line 19), j (line 20)
__global__ void matmul_vla_kernel1(double *__restrict__ c, int n) {
    for (int i = blockIdx.y * blockDim.y + threadIdx.y; i < n; i += gridDim.y * blockDim.y) {
        for (int j = blockIdx.x * blockDim.x + threadIdx.x; j < n; j += gridDim.x * blockDim.x) {
            c[i * n + j] = 0.0;
        }
    }
}

// matmul_vla: parallel over i (line 23)
__global__ void matmul_vla_kernel2(double *__restrict__ c, const double *__restrict__ a, const double *__restrict__ b, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        for (int k = 0; k < n; k++) {
            for (int j = 0; j < n; j++) {
                c[i * n + j] += a[i * n + k] * b[k * n + j];
            }
        }
    }
}

static void matmul_vla_sequential(int n, const double *a, const double *b, double *c) {
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            c[i * n + j] = 0.0;
        }
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) {
            for (int j = 0; j < n; j++) {
                c[i * n + j] += a[i * n + k] * b[k * n + j];
            }
        }
    }
}

static void matmul_vla_on_device(double *a, double *b, double *c, int n) {
    {
        const dim3 block(32, 8), grid(musl_blocks(n, block.x, 4096), musl_blocks(n, block.y, 4096));
        matmul_vla_kernel1<<<grid, block>>>(c, n);
        MUSL_CHECK(cudaGetLastError());
    }
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 65535));
        matmul_vla_kernel2<<<grid, block>>>(c, a, b, n);
        MUSL_CHECK(cudaGetLastError());
    }
}

void matmul_vla(int n, const double *a, const double *b, double *c) {
    musl_range a_used = {0, 0}, b_used = {0, 0}, c_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        a_used.add(0, (n - 1) * n + (n - 1));
        b_used.add(0, (n - 1) * n + (n - 1));
        c_used.add(0, (n - 1) * n + (n - 1));
    }
    if ((a_used.empty() && b_used.empty() && c_used.empty()) ||
        musl_overlap((double *)a, a_used, (double *)c, c_used) ||
        musl_overlap((double *)b, b_used, (double *)c, c_used)) {  // the sequential path
        matmul_vla_sequential(n, a, b, c);
        return;
    }
    auto d_a = musl_upload((double *)a, a_used, true);
    auto d_b = musl_upload((double *)b, b_used, true);
    auto d_c = musl_upload((double *)c, c_used, true);
    matmul_vla_on_device((double *)d_a, (double *)d_b, (double *)d_c, n);
    musl_download((double *)c, d_c, c_used);
    musl_release(d_a, a_used);
    musl_release(d_b, b_used);
    musl_release(d_c, c_used);
}

/* Many 4 by 4 transforms applied to as many points: fixed extents inside, a parallel loop outside. */
// transform_points: parallel over p (line 32), row (line 33)
__global__ void transform_points_kernel(const float (*__restrict__ m)[4], const float (*__restrict__ points)[4], float (*__restrict__ out)[4], int count) {
    for (int p = blockIdx.y * blockDim.y + threadIdx.y; p < count; p += gridDim.y * blockDim.y) {
        for (int row = blockIdx.x * blockDim.x + threadIdx.x; row < 4; row += gridDim.x * blockDim.x) {
            float sum = 0.0f;
            for (int col = 0; col < 4; col++) {
                sum += m[row][col] * points[p][col];
            }
            out[p][row] = sum;
        }
    }
}

static void transform_points_sequential(int count, const float m[4][4], const float (*points)[4], float (*out)[4])
{
    for (int p = 0; p < count; p++) {
        for (int row = 0; row < 4; row++) {
            float sum = 0.0f;
            for (int col = 0; col < 4; col++)
                sum += m[row][col] * points[p][col];
            out[p][row] = sum;
        }
    }
}

static void transform_points_on_device(float (*m)[4], float (*points)[4], float (*out)[4], int count) {
    {
        const dim3 block(32, 8), grid(musl_blocks(4, block.x, 4096), musl_blocks(count, block.y, 4096));
        transform_points_kernel<<<grid, block>>>(m, points, out, count);
        MUSL_CHECK(cudaGetLastError());
    }
}

void transform_points(int count, const float m[4][4], const float (*points)[4], float (*out)[4]) {
    musl_range m_used = {0, 0}, points_used = {0, 0}, out_used = {0, 0};  // the elements that the loops use
    if (0 < count) {
        m_used.add(0, 3 * 4 + 3);
        points_used.add(0, (count - 1) * 4 + 3);
        out_used.add(0, (count - 1) * 4 + 3);
    }
    if ((m_used.empty() && points_used.empty() && out_used.empty()) ||
        musl_overlap((float *)m, m_used, (float *)out, out_used) ||
        musl_overlap((float *)points, points_used, (float *)out, out_used)) {  // the sequential path
        transform_points_sequential(count, m, points, out);
        return;
    }
    auto d_m = musl_upload((float *)m, m_used, true);
    auto d_points = musl_upload((float *)points, points_used, true);
    auto d_out = musl_upload((float *)out, out_used, false);
    transform_points_on_device((float (*)[4])d_m, (float (*)[4])d_points, (float (*)[4])d_out, count);
    musl_download((float *)out, d_out, out_used);
    musl_release(d_m, m_used);
    musl_release(d_points, points_used);
    musl_release(d_out, out_used);
}

}  // extern "C"
