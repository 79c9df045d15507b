"""CUDA programs with known results: what is right in CUDA is right in the emulator, in every schedule."""

from __future__ import annotations

import numpy as np
import pytest
from cuda_side import CudaSide

from compile.build import Build
from compile.emulator.build import build_emulated_program
from compile.program import run_program
from data.source_file import SourceFile

INTS = np.arange(100, dtype=np.int32)
FLOATS = np.arange(100, dtype=np.float32)


def all_equal(results: list[np.ndarray], expected: object) -> bool:
    return all(np.array_equal(result, np.asarray(expected)) for result in results)


def test_vector_add_counts_its_launches(cuda_side: CudaSide) -> None:
    cuda = """#include <cuda_runtime.h>
__global__ void add(const float *a, const float *b, float *c, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
}
extern "C" void f(const float *a, const float *b, float *c, int n) {
    if (n <= 0) return;
    float *d;
    cudaMalloc((void **)&d, 3 * n * sizeof(float));
    cudaMemcpy(d, a, n * sizeof(float), cudaMemcpyHostToDevice);
    cudaMemcpy(d + n, b, n * sizeof(float), cudaMemcpyHostToDevice);
    add<<<(n + 63) / 64, 64>>>(d, d + n, d + 2 * n, n);
    cudaMemcpy(c, d + 2 * n, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(d);
}
"""
    signature = "void f(const float *a, const float *b, float *c, int n)"
    for run in cuda_side.run(cuda, signature, FLOATS, 2 * FLOATS, 0 * FLOATS, 100):
        assert run.outcome.ok, run.outcome.message
        assert np.array_equal(np.asarray(run.arguments[2]), 3 * FLOATS)
        assert run.launches == 1
    assert [run.launches for run in cuda_side.run(cuda, signature, [], [], [], 0)] == [0, 0, 0]


def test_reduction_with_barriers(cuda_side: CudaSide) -> None:
    kernel = """
template <int B> __global__ void sum(float *a, int n) {
    __shared__ float s[B];
    int t = threadIdx.x;
    s[t] = t < n ? a[t] : 0.0f;
    __syncthreads();
    for (int k = B / 2; k > 0; k /= 2) {
        if (t < k) s[t] += s[t + k];
        __syncthreads();
    }
    if (t == 0) a[0] = s[0];
}"""
    results = cuda_side.on_array(kernel, "sum<128> <<< dim3(1), dim3(128) >>> (d, n);", FLOATS)
    assert [result[0] for result in results] == [4950] * 3


def test_reduction_with_shuffles_and_partial_warps(cuda_side: CudaSide) -> None:
    kernel = """
__inline__ __device__ int warp_sum(int v) {
    for (int offset = warpSize / 2; offset > 0; offset >>= 1) v += __shfl_down_sync(0xffffffffu, v, offset);
    return v;
}
__global__ void sum(int *a, int n, int *out) {
    __shared__ int partial[32];
    int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int v = warp_sum(i < n ? a[i] : 0);
    if (lane == 0) partial[warp] = v;
    __syncthreads();
    v = threadIdx.x < blockDim.x / 32 ? partial[lane] : 0;
    if (warp == 0) v = warp_sum(v);
    if (threadIdx.x == 0) atomicAdd(out, v);
}"""
    launch = "int *r; cudaMalloc(&r, 4); cudaMemset(r, 0, 4); sum<<<2, 64>>>(d, n, r);"
    launch += "cudaMemcpy(d, r, 4, cudaMemcpyDeviceToDevice);"
    assert [result[0] for result in cuda_side.on_array(kernel, launch, INTS)] == [4950] * 3


def test_warp_votes_matches_and_scans(cuda_side: CudaSide) -> None:
    kernel = """
__global__ void k(int *a) {
    int t = threadIdx.x, v = a[t];
    unsigned even = __ballot_sync(0xffffffffu, v % 2 == 0);
    int all = __all_sync(0xffffffffu, v >= 0), any = __any_sync(0xffffffffu, v == 31);
    unsigned same = __match_any_sync(0xffffffffu, v / 8);
    int scan = v;
    for (int d = 1; d < 32; d <<= 1) {
        int other = __shfl_up_sync(0xffffffffu, scan, d);
        if (t >= d) scan += other;
    }
    double twin = __shfl_xor_sync(0xffffffffu, v + 0.5, 1);
    int first = __shfl_sync(0xffffffffu, v, 0, 8);
    int most = __reduce_max_sync(0xffffffffu, v);
    __syncwarp();
    a[t] = scan;
    if (t == 0)
        a[32] = even == 0x55555555u && all && any && same == 0xffu && twin == 1.5 && most == 31;
    if (t == 9) a[33] = first;
}"""
    results = cuda_side.on_array(kernel, "k<<<1, 32>>>(d);", np.arange(34, dtype=np.int32))
    assert all_equal(results, [*np.cumsum(np.arange(32)), 1, 8])


def test_a_warp_diverges_and_its_halves_shuffle_apart(cuda_side: CudaSide) -> None:
    kernel = """
__global__ void k(int *a) {
    int t = threadIdx.x, v = a[t];
    if (t < 16) v = __shfl_xor_sync(0x0000ffffu, v, 15);
    else if (t < 24) v = __shfl_sync(__activemask(), v, 16) + __popc(__activemask());
    a[t] = v;
}"""
    expected = [*range(15, -1, -1), *[16 + 8] * 8, *range(24, 32)]
    assert all_equal(cuda_side.on_array(kernel, "k<<<1, 32>>>(d);", np.arange(32, dtype=np.int32)), expected)


def test_histogram_with_atomics(cuda_side: CudaSide) -> None:
    kernel = """
__global__ void count(const unsigned *a, unsigned *bins, int n) {
    __shared__ unsigned local[8];
    if (threadIdx.x < 8) local[threadIdx.x] = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x)
        atomicAdd(&local[a[i] % 8], 1u);
    __syncthreads();
    if (threadIdx.x < 8) atomicAdd(&bins[threadIdx.x], local[threadIdx.x]);
}"""
    launch = "unsigned *b; cudaMalloc(&b, 32); cudaMemset(b, 0, 32); count<<<3, 32>>>(d, b, n);"
    launch += "cudaMemcpy(d, b, 32, cudaMemcpyDeviceToDevice);"
    values = np.random.default_rng(1).integers(0, 1000, 500).astype(np.uint32)
    results = cuda_side.on_array(kernel, launch, values)
    assert all_equal([result[:8] for result in results], np.bincount(values % 8, minlength=8))


def test_every_atomic(cuda_side: CudaSide) -> None:
    kernel = """
__device__ double atomic_max(double *address, double value) {
    unsigned long long *bits = (unsigned long long *)address, old = *bits, assumed;
    do {
        assumed = old;
        old = atomicCAS(bits, assumed, __double_as_longlong(fmax(value, __longlong_as_double(assumed))));
    } while (assumed != old);
    return __longlong_as_double(old);
}
__device__ double greatest;
__global__ void k(int *a) {
    int t = threadIdx.x;
    atomicAdd(a, t), atomicSub(a + 1, t), atomicMin(a + 2, t - 5), atomicMax(a + 3, t);
    atomicAnd(a + 4, ~(1 << (t % 8))), atomicOr(a + 5, 1 << (t % 8)), atomicXor(a + 6, 1 << (t % 3));
    atomicExch(a + 7, 77), atomicCAS(a + 8, 0, 5);
    atomicInc((unsigned *)a + 9, 9), atomicDec((unsigned *)a + 10, 3);
    atomicAdd((float *)a + 11, 0.5f), atomic_max(&greatest, t * 0.25);
    __syncthreads();
    if (t == 0) a[12] = (int)(greatest * 4);
}"""
    start = np.zeros(13, np.int32)
    start[4] = 255
    expected = [496, -496, -5, 31, 0, 255, 0b001 ^ 0b010, 77, 5, 2, 0, np.float32(16).view(np.int32), 31]
    expected[6] = (11 % 2) | (11 % 2) << 1 | (10 % 2) << 2
    assert all_equal(cuda_side.on_array(kernel, "k<<<1, 32>>>(d);", start), expected)


def test_dynamic_shared_memory_and_block_votes(cuda_side: CudaSide) -> None:
    kernel = """
extern __shared__ __align__(16) int at_file_scope[];
__global__ void reverse(int *a, int n) {
    extern __shared__ int s[];
    s[threadIdx.x] = a[threadIdx.x];
    __syncthreads();
    a[threadIdx.x] = s[n - 1 - threadIdx.x];
    int odd = __syncthreads_count(a[threadIdx.x] & 1);
    if (__syncthreads_or(odd == 50) && !__syncthreads_and(threadIdx.x) && at_file_scope[0] == 0) a[threadIdx.x] += odd;
}"""
    results = cuda_side.on_array(kernel, "reverse<<<1, n, n * sizeof(int), 0>>>(d, n);", INTS)
    assert all_equal(results, INTS[::-1] + 50)


def test_three_dimensional_grids_and_blocks(cuda_side: CudaSide) -> None:
    kernel = """
__global__ void k(int *a, int nx, int ny, int nz) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    int z = blockIdx.z * blockDim.z + threadIdx.z;
    if (x < nx && y < ny && z < nz) a[(z * ny + y) * nx + x] = 10000 * z + 100 * y + x;
}"""
    launch = "dim3 block(4, 3, 2), grid((5 + 3) / 4, (7 + 2) / 3, (3 + 1) / 2); k<<<grid, block>>>(d, 5, 7, 3);"
    z, y, x = np.indices((3, 7, 5))
    expected = (10000 * z + 100 * y + x).ravel()
    assert all_equal(cuda_side.on_array(kernel, launch, np.zeros(105, np.int32)), expected)


def test_threads_that_returned_do_not_hold_back_a_barrier(cuda_side: CudaSide) -> None:
    kernel = """
__global__ void k(int *a, int n) {
    __shared__ int s[128];
    int t = threadIdx.x;
    if (t >= n) return;
    s[t] = a[t];
    __syncthreads();
    a[t] = s[(t + 1) % n];
}"""
    assert all_equal(cuda_side.on_array(kernel, "k<<<1, 128>>>(d, n);", INTS), np.roll(INTS, -1))


def test_a_thread_that_spins_on_an_atomic_lets_the_others_go_on(cuda_side: CudaSide) -> None:
    kernel = """
__global__ void k(int *a) {
    __shared__ int ready;
    if (threadIdx.x == 0) ready = 0;
    __syncthreads();
    if (threadIdx.x != 17) while (atomicAdd(&ready, 0) == 0) {}
    else atomicExch(&ready, 1);
    a[threadIdx.x] = ready;
}"""
    assert all_equal(cuda_side.on_array(kernel, "k<<<1, 64>>>(d);", np.zeros(64, np.int32)), np.ones(64))


def test_device_functions_structs_constants_and_symbols(cuda_side: CudaSide) -> None:
    kernel = """
struct Pair { float2 v; int k; };
__constant__ float weights[3] = {1.0f, 2.0f, 3.0f};
__device__ int calls = 0;
__device__ __forceinline__ float square(float x) { return x * x; }
__host__ __device__ inline int twice(int x) { return 2 * x; }
__global__ void __launch_bounds__(128) k(float *__restrict__ a, int n, Pair p) {
    int i = threadIdx.x;
    p.k += i;  // every thread has its own copy
    if (i < n) a[i] = square(__ldg(a + i)) * weights[i % 3] + p.v.y + p.k;
    atomicAdd(&calls, 1);
}"""
    launch = """
    float w[3] = {4.0f, 5.0f, 6.0f};
    cudaMemcpyToSymbol(weights, w, sizeof w);
    Pair p = {make_float2(1.0f, 0.5f), twice(2)};
    k<<<1, 100>>>(d, n, p);
    int counted = 0;
    cudaMemcpyFromSymbol(&counted, calls, sizeof counted);
    if (counted != 100) cudaMemset(d, 0, n * sizeof(float));"""
    i = np.arange(100, dtype=np.float32)
    expected = i * i * np.array([4, 5, 6], np.float32)[np.arange(100) % 3] + np.float32(0.5) + (4 + i)
    assert all_equal(cuda_side.on_array(kernel, launch, FLOATS), expected)


def test_mathematical_functions_and_overloads(cuda_side: CudaSide) -> None:
    kernel = """
#include <algorithm>
__global__ void k(float *a, int n) {
    unsigned u = 3;
    long long big = 5;
    a[0] = min(2, 3) + max(u, 2) + min(1.5f, 2.0f) + max(big, 4LL) + std::max(1, 2) + min(1.0f, 0.25);
    a[1] = rsqrtf(4.0f) + fabsf(-1.0f) + abs(-2) + fmaxf(1.0f, 2.0f) + powf(2.0f, 3.0f) + floor(1.5f) + std::sqrt(9.0f);
    a[2] = __expf(0.0f) + __fdividef(1.0f, 2.0f) + __fmaf_rn(2.0f, 3.0f, 1.0f) + __float2int_rn(2.5f);
    a[2] += __saturatef(7.0f);
    a[3] = __popc(255u) + __clz(1) + __ffs(8) + __brev(1u) / 1e9f + __mul24(3, 4) + __umulhi(1u << 31, 4u);
    a[4] = __int_as_float(__float_as_int(1.25f)) + sqrt(2.0f) * 0.0f + (sizeof(sqrt(2.0f)) == 4);
    a[5] = __float2int_rz(1e20f) == 2147483647 && __float2uint_rn(-3.0f) == 0 && __double2int_rd(-1.5) == -2;
}"""
    expected = [2 + 3 + 1.5 + 5 + 2 + 0.25, 0.5 + 1 + 2 + 2 + 8 + 1 + 3, 1 + 0.5 + 7 + 2 + 1]
    expected += [8 + 31 + 4 + np.float32(2**31) / 1e9 + 12 + 2, 1.25 + 1, 1]
    for result in cuda_side.on_array(kernel, "k<<<1, 1>>>(d, n);", np.zeros(6, np.float32)):
        assert np.allclose(result, expected, rtol=1e-6)


def test_launches_in_macros_templates_and_odd_spacing(cuda_side: CudaSide) -> None:
    kernel = """
// k<<<1, 1>>>(d) in a comment, and "<<<" in a string, are no launches
#define RUN(kernel, blocks, ...) kernel<<<(blocks), 32>>>(__VA_ARGS__)
namespace inner {
template <typename T, int N> __global__ void add(T *a, T value) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < N) a[i] += value;
}
}
__global__ void plain(int *a, int value = 100) { a[threadIdx.x] += value; }
template <class T> void launch_it(T *d) { inner::add<T, 64> <<< 2,
    32
    >>> (d, (T)1); }
__global__ void over(int *a) { a[0] += 1000; }
__global__ void over(int *a, int b) { a[0] += b; }
"""
    launch = """
    const char *text = "<<<1, 1>>>"; (void)text;
    RUN(plain, 1, d, 10);
    plain << <1, 32 >> >(d);
    launch_it(d);
    over<<<1, 1>>>(d); over<<<1, 1>>>(d, 5000);
    void (*pointer)(int *, int) = plain;
    pointer<<<1, 32>>>(d, 20000);
    void *arguments[] = {&d, &m};
    cudaLaunchKernel(pointer, dim3(1), dim3(32), arguments, 0, 0);
    if (m) inner::add<int, 1><<<1, 1>>>(d, m); else plain<<<1, 1>>>(nullptr);"""
    expected = np.array([1] * 64, np.int32)
    expected[:32] += 10 + 100 + 20000 + 300000
    expected[0] += 1000 + 5000 + 300000
    assert all_equal(cuda_side.on_array(kernel, launch, np.zeros(64, np.int32), 300000), expected)


def test_device_printf_managed_memory_streams_and_events(cuda_side: CudaSide) -> None:
    kernel = """
__managed__ int total;
__global__ void k(int *a, int *m) { printf("%d\\n", m[0]); a[0] = m[0] + 1; total = 3; }"""
    launch = """
    int *managed, *pinned; cudaStream_t stream; cudaEvent_t begin, end; float milliseconds = -1;
    cudaMallocManaged(&managed, 4); cudaMallocHost(&pinned, 4); cudaStreamCreate(&stream);
    cudaEventCreate(&begin); cudaEventCreate(&end);
    *managed = 41; *pinned = 1;
    cudaEventRecord(begin, stream);
    k<<<1, 1, 0, stream>>>(d, managed);
    cudaEventRecord(end, stream); cudaEventSynchronize(end); cudaEventElapsedTime(&milliseconds, begin, end);
    cudaStreamSynchronize(stream);
    cudaMemcpyAsync(d + 1, pinned, 4, cudaMemcpyHostToDevice, stream);
    int flag = milliseconds >= 0 && total == 3 && cudaDeviceSynchronize() == cudaSuccess;
    cudaMemcpy(d + 2, &flag, 4, cudaMemcpyDefault);
    cudaFree(managed); cudaFreeHost(pinned);
    cudaStreamDestroy(stream); cudaEventDestroy(begin); cudaEventDestroy(end);"""
    assert all_equal(cuda_side.on_array(kernel, launch, np.zeros(3, np.int32)), [42, 1, 1])


def test_pitched_memory(cuda_side: CudaSide) -> None:
    kernel = """
__global__ void k(char *base, size_t pitch, int w) {
    int *row = (int *)(base + blockIdx.x * pitch);
    row[threadIdx.x] += 100 * blockIdx.x;
}"""
    launch = """
    char *p; size_t pitch;
    cudaMallocPitch(&p, &pitch, 5 * sizeof(int), 4);
    cudaMemcpy2D(p, pitch, a, 5 * sizeof(int), 5 * sizeof(int), 4, cudaMemcpyHostToDevice);
    k<<<4, 5>>>(p, pitch, 5);
    cudaMemcpy2D(d, 5 * sizeof(int), p, pitch, 5 * sizeof(int), 4, cudaMemcpyDeviceToDevice);"""
    expected = np.repeat(np.arange(4) * 100, 5) + np.arange(20)
    assert all_equal(cuda_side.on_array(kernel, launch, np.arange(20, dtype=np.int32)), expected)


def test_large_grids_and_many_launches_are_quick(cuda_side: CudaSide) -> None:
    kernel = "__global__ void k(int *a, int n) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) a[i]++; }"
    launch = "k<<<4000, 1024>>>(d, n); for (int s = 0; s < 1000; s++) k<<<1, 128>>>(d, n);"
    assert all_equal(cuda_side.on_array(kernel, launch, INTS), INTS + 1001)


def test_properties_and_occupancy(cuda_side: CudaSide) -> None:
    kernel = "__global__ void k(int *a) { a[threadIdx.x] = 1; }"
    launch = """
    cudaDeviceProp p; int count, grid, block, threads;
    cudaGetDeviceProperties(&p, 0); cudaGetDeviceCount(&count); cudaSetDevice(0);
    cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerBlock, 0);
    cudaOccupancyMaxPotentialBlockSize(&grid, &block, k, 0, 0);
    if (p.warpSize == 32 && p.maxThreadsPerBlock == threads && count == 1 && grid > 0)
        k<<<1, block < n ? block : n>>>(d);"""
    assert all_equal(cuda_side.on_array(kernel, launch, np.zeros(5, np.int32)), [1] * 5)


def test_a_whole_program_of_two_files_prints_and_exits(cuda_side: CudaSide) -> None:
    cuda = """#include <stdio.h>
extern "C" int helper(int);
__global__ void k(int *a, int v) { a[threadIdx.x] = v * threadIdx.x; }
int main(int argc, char **argv) {
    int *d, h[4];
    cudaMalloc(&d, sizeof h);
    k<<<1, 4>>>(d, helper(argc));
    cudaMemcpy(h, d, sizeof h, cudaMemcpyDeviceToHost);
    printf("%d %d %s\\n", h[0], h[3], argv[1]);
    return cudaGetLastError() == cudaSuccess ? 5 : 6;
}"""
    other = SourceFile(cuda_side.scratch / "helper.c", "int helper(int x) { return x + 1; }", "c")
    for schedule in ("forward", "reverse"):
        build = build_emulated_program(
            cuda, cuda_side.scratch, cuda_side.sandbox, others=[other], schedule=schedule, seed=1
        )
        assert isinstance(build, Build), build.message
        outcome = run_program(build, ["word"])
        assert (outcome.stdout, outcome.exit_code) == (b"0 9 word\n", 5)


def test_cooperative_groups(cuda_side: CudaSide) -> None:
    kernel = """
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;
__global__ void k(int *a) {
    cg::thread_block block = cg::this_thread_block();
    auto tile = cg::tiled_partition<8>(block);
    int sum = cg::reduce(tile, a[block.thread_rank()], cg::plus<int>());
    unsigned odd = tile.ballot(a[block.thread_rank()] & 1);
    block.sync();
    a[block.thread_rank()] = tile.thread_rank() == 0 ? sum : odd == 0xaa ? (int)tile.meta_group_rank() : -1;
}"""
    values = np.arange(64, dtype=np.int32)
    sums = values.reshape(8, 8).sum(axis=1)
    expected = np.repeat(np.arange(8), 8)
    expected[::8] = sums
    assert all_equal(cuda_side.on_array(kernel, "k<<<1, 64>>>(d);", values), expected)


@pytest.mark.parametrize("schedule", ["forward", "reverse", "shuffle"])
def test_schedules_differ_in_the_order_of_threads_and_blocks(cuda_side: CudaSide, schedule: str) -> None:
    kernel = """
__device__ int ticket;
__global__ void k(int *a) { a[atomicAdd(&ticket, 1)] = blockIdx.x * 10 + threadIdx.x; }"""
    (result,) = cuda_side.on_array(kernel, "k<<<5, 10>>>(d);", np.zeros(50, np.int32), schedules=[schedule])
    assert sorted(result) == list(range(50))
    if schedule == "forward":
        assert list(result) == list(range(50))
    elif schedule == "reverse":
        assert list(result) == list(range(49, -1, -1))
    else:
        blocks = [int(value) // 10 for value in result]
        assert list(result[:10]) != sorted(result[:10]) and blocks != sorted(blocks)
