// Generated from data/samples/pack_upper.c: see test_golden.py.
#include "prelude.cuh"

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
