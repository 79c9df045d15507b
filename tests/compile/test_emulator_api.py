"""The CUDA runtime API, CUDA's functions and cooperative groups, with the results that CUDA defines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cuda_side import CudaSide


def numbers(cuda_side: CudaSide, kernels: str, launch: str, count: int) -> list[float]:
    """The doubles that `launch` leaves in `d`."""
    (result,) = cuda_side.on_array(kernels, launch, np.zeros(count), schedules=["forward"], races=False)
    return [float(x) for x in result]


def on_host(cuda_side: CudaSide, kernels: str, body: str, count: int) -> list[int]:
    """The integers that host code leaves in `a`. It may leave no error of CUDA unread."""
    text = f"{kernels}\nvoid f(int *a) {{ {body} }}"
    (run,) = cuda_side.run(text, "void f(int *a)", np.zeros(count, np.int32), schedules=["forward"])
    assert run.outcome.ok, run.outcome.message
    return [int(x) for x in np.asarray(run.arguments[0])]


def test_errors_stick_until_they_are_read(cuda_side: CudaSide) -> None:
    body = """
    float *p; static float big[101];
    a[0] = cudaSetDevice(3); a[1] = cudaPeekAtLastError(); a[2] = cudaGetLastError(); a[3] = cudaGetLastError();
    cudaMalloc(&p, 400);
    a[4] = cudaMemcpy(p, big, 404, cudaMemcpyHostToDevice);
    a[5] = cudaDeviceSynchronize(); a[6] = cudaGetLastError();
    a[7] = cudaFree(big); cudaGetLastError();
    a[8] = cudaMalloc(&p, (size_t)1 << 50); a[9] = cudaGetLastError();
    a[10] = cudaMemcpy(p, big, 4, (cudaMemcpyKind)9); cudaGetLastError();
    a[11] = strcmp(cudaGetErrorName(cudaErrorIllegalAddress), "cudaErrorIllegalAddress");"""
    assert on_host(cuda_side, "", body, 12) == [101, 101, 101, 0, 1, 0, 1, 1, 2, 2, 21, 0]


@pytest.mark.parametrize(
    ("launch", "code"),
    [
        ("k<<<1, 1025>>>();", 9),
        ("k<<<1, dim3(32, 33)>>>();", 9),
        ("k<<<1, dim3(1, 1, 65)>>>();", 9),
        ("k<<<0, 32>>>();", 9),
        ("k<<<1, 0>>>();", 9),
        ("k<<<dim3(1, 65536), 1>>>();", 9),
        ("k<<<1, 1, 49153>>>();", 1),
        ("cudaFuncSetAttribute(k, cudaFuncAttributeMaxDynamicSharedMemorySize, 65536); k<<<1, 1, 65536>>>();", 0),
        ("k<<<1, 1024>>>();", 0),
    ],
)
def test_bad_launches_have_cudas_codes(cuda_side: CudaSide, launch: str, code: int) -> None:
    assert on_host(cuda_side, "__global__ void k() {}", f"{launch} a[0] = cudaGetLastError();", 1) == [code]


def test_volumes(cuda_side: CudaSide) -> None:
    kernel = """
__global__ void k(cudaPitchedPtr p, int w, int h, int d) {
    int x = threadIdx.x, y = threadIdx.y, z = threadIdx.z;
    ((int *)((char *)p.ptr + (z * p.ysize + y) * p.pitch))[x] += 100 * z + 10 * y + x;
}"""
    body = """
    cudaExtent e = make_cudaExtent(5 * sizeof(int), 3, 2), part = make_cudaExtent(2 * sizeof(int), 2, 1);
    cudaPitchedPtr p; cudaMalloc3D(&p, e); cudaMemset3D(p, 0, e);
    k<<<1, dim3(5, 3, 2)>>>(p, 5, 3, 2);
    cudaMemcpy3DParms all = {0};
    all.srcPtr = p; all.dstPtr = make_cudaPitchedPtr(a, 5 * sizeof(int), 5, 3);
    all.extent = e; all.kind = cudaMemcpyDeviceToHost;
    cudaMemcpy3D(&all);
    cudaMemcpy3DParms some = all;
    some.srcPos = make_cudaPos(3 * sizeof(int), 1, 1); some.dstPtr = make_cudaPitchedPtr(a + 30, 2 * sizeof(int), 2, 2);
    some.extent = part;
    cudaMemcpy3DAsync(&some, 0); cudaFree(p.ptr);"""
    expected = [100 * z + 10 * y + x for z in range(2) for y in range(3) for x in range(5)]
    assert on_host(cuda_side, kernel, body, 34) == [*expected, 113, 114, 123, 124]


def test_pinned_and_registered_memory_is_the_devices_too(cuda_side: CudaSide) -> None:
    kernel = "__global__ void k(int *p) { p[0]++; }"
    body = """
    int *pinned, *device, *heap = (int *)malloc(64), stack[4] = {7};
    cudaHostAlloc(&pinned, 64, cudaHostAllocMapped); pinned[0] = 3;
    cudaHostGetDevicePointer(&device, pinned, 0); k<<<1, 1>>>(device);
    heap[0] = 5; a[4] = cudaHostRegister(heap, 64, cudaHostRegisterMapped);
    a[5] = cudaHostRegister(heap + 2, 8, 0); a[6] = cudaHostUnregister(heap + 1);
    cudaHostRegister(stack, sizeof stack, 0);
    cudaHostGetDevicePointer(&device, heap, 0); k<<<1, 1>>>(device); k<<<1, 1>>>(stack);
    cudaDeviceSynchronize();
    a[0] = pinned[0]; a[1] = heap[0]; a[2] = stack[0];
    cudaHostUnregister(heap); cudaHostUnregister(stack); free(heap); cudaFreeHost(pinned); cudaGetLastError();"""
    assert on_host(cuda_side, kernel, body, 7) == [4, 6, 8, 0, 0, 712, 713]


def test_host_memory_that_is_not_registered_any_more_is_the_hosts(cuda_side: CudaSide) -> None:
    text = """__global__ void k(int *p) { p[0]++; }
void f(int *a) { cudaHostRegister(a, 16, 0); k<<<1, 1>>>(a); cudaHostUnregister(a);
 k<<<1, 1>>>(a); }"""
    (run,) = cuda_side.run(text, "void f(int *a)", np.zeros(4, np.int32), schedules=["forward"])
    assert "host memory used in a kernel" in run.outcome.message


def test_one_device_streams_and_events(cuda_side: CudaSide) -> None:
    body = """
    int can = 1, least, greatest; cudaStream_t s; cudaEvent_t e; cudaDeviceProp p; unsigned flags;
    cudaDeviceCanAccessPeer(&can, 0, 0); a[0] = can; a[1] = cudaDeviceEnablePeerAccess(1, 0); cudaGetLastError();
    cudaDeviceGetStreamPriorityRange(&least, &greatest);
    cudaStreamCreateWithPriority(&s, cudaStreamNonBlocking, greatest);
    cudaEventCreateWithFlags(&e, cudaEventDisableTiming); cudaEventRecordWithFlags(e, s); cudaStreamWaitEvent(s, e);
    a[2] = cudaEventQuery(e) + cudaStreamQuery(s); cudaStreamDestroy(s); cudaEventDestroy(e);
    cudaGetDeviceProperties(&p, 0); cudaDeviceGetAttribute(a + 3, cudaDevAttrMaxBlocksPerMultiprocessor, 0);
    a[3] -= p.maxBlocksPerMultiProcessor; cudaGetDeviceFlags(&flags); a[4] = flags;
    int *x, *y, v = 6; cudaMalloc(&x, 4); cudaMalloc(&y, 4); cudaMemcpy(x, &v, 4, cudaMemcpyHostToDevice);
    cudaMemcpyPeer(y, 0, x, 0, 4); cudaMemcpy(a + 5, y, 4, cudaMemcpyDeviceToHost);"""
    assert on_host(cuda_side, "", body, 6) == [0, 101, 0, 0, 0, 6]


@pytest.mark.parametrize(
    "use",
    [
        "a[0] = v;",
        "a[0] = w[1];",
        "k<<<1, 1>>>(w);",
        "cudaMemcpy(a, w, 8, cudaMemcpyDeviceToHost);",
        "v = 3;",
        "if (both()) a[0] = 1;",
    ],
)
def test_host_code_has_no_device_variables(cuda_side: CudaSide, use: str) -> None:
    text = f"""__device__ int v, w[2]; __managed__ int m;
__host__ __device__ int both() {{ return v; }}
__global__ void k(int *p) {{ p[0] = v + both(); }}
void g(int v) {{ int w[2] = {{v, v}}; (void)w; }}
void f(int *a) {{ int x = 3;
 cudaMemcpyToSymbol(v, &x, sizeof v); cudaMemcpyFromSymbol(a, w, sizeof(w)); m = 2; g(m);
 {use} }}"""
    (run,) = cuda_side.run(text, "void f(int *a)", np.zeros(2, np.int32), schedules=["forward"])
    assert "device memory used by host code: host code at user.cu:" in run.outcome.message
    (run,) = cuda_side.run(text.replace(use, ""), "void f(int *a)", np.zeros(2, np.int32), schedules=["forward"])
    assert run.outcome.ok, run.outcome.message


def test_mathematical_functions(cuda_side: CudaSide) -> None:
    cases = {
        "erfinv(0.3)": 0.27246271472675435,
        "erfcinv(1.5)": -0.4769362762044699,
        "normcdfinv(0.975)": 1.959963984540054,
        "normcdfinv(1e-300)": -37.0471,
        "normcdf(-1.96)": 0.02499789514822044,
        "erfcx(30.0)": 0.018795888861416751,
        "erfcx(1.0)": 0.427583576155807,
        "cyl_bessel_i0(2.0)": 2.2795853023360673,
        "cyl_bessel_i1(2.0)": 1.5906368546373291,
        "sinpi(1.0)": 0.0,
        "sinpi(1e15 + 0.5)": 1.0,
        "cospi(0.5)": 0.0,
        "sinpi(1.75)": -math.sqrt(0.5),
        "norm3d(3.0, 4.0, 12.0)": 13.0,
        "norm4df(1e30f, 1e30f, 1e30f, 1e30f)": 2e30,
        "rnorm4d(1.0, 1.0, 1.0, 1.0)": 0.5,
        "rcbrt(8.0)": 0.5,
        "exp10(2.0f)": 100.0,
        "j0(0.0f)": 1.0,
        "__fdividef(1.0f, 4.0f)": 0.25,
        "fdivide(1.0, 4.0)": 0.25,
    }
    kernel = f"__global__ void k(double *a) {{ int i = 0; {' '.join(f'a[i++] = {case};' for case in cases)} }}"
    results = numbers(cuda_side, kernel, "k<<<1, 1>>>(d);", len(cases))
    for (case, expected), result in zip(cases.items(), results, strict=True):
        assert result == pytest.approx(expected, rel=2e-6, abs=1e-300), case


def test_directed_rounding(cuda_side: CudaSide) -> None:
    up, down = np.nextafter(np.float32(1), np.float32(2)), np.nextafter(np.float32(1), np.float32(0))
    third = np.float32(1 / 3)  # above 1/3
    cases = {
        "__fadd_ru(1.0f, 1e-9f)": up,
        "__fadd_rz(1.0f, 1e-9f)": 1,
        "__fsub_rd(1.0f, 1e-9f)": down,
        "__frcp_ru(3.0f)": third,
        "__frcp_rd(3.0f)": np.nextafter(third, np.float32(0)),
        "__fmaf_rd(1.0f, 1.0f, -1e-10f)": down,
        "__dsqrt_ru(2.0)": 1.4142135623730951,
        "__dsqrt_rd(2.0)": 1.414213562373095,
        "__ull2float_rz(0xffffffffffffffffull)": np.nextafter(np.float32(2**64), np.float32(0)),
        "__int2float_ru(16777217)": 16777218,
        "__double2float_rd(0.1)": np.nextafter(np.float32(0.1), np.float32(0)),
        "__ll2double_ru(9007199254740993ll)": 9007199254740994,
        "__fadd_rn(1.0f, 1e-9f)": 1,  # the rounding is as it was
    }
    kernel = f"__global__ void k(double *a) {{ int i = 0; {' '.join(f'a[i++] = {case};' for case in cases)} }}"
    results = numbers(cuda_side, kernel, "k<<<1, 1>>>(d);", len(cases))
    assert dict(zip(cases, results, strict=True)) == {case: float(value) for case, value in cases.items()}


def test_integer_intrinsics(cuda_side: CudaSide) -> None:
    cases = {
        "__vavgs2(0x00050004u, 0xfff8fff7u)": 0xFFFEFFFD,  # halves are rounded away from zero
        "__vavgu2(0x00050004u, 0xfff8fff7u)": 0x7FFF7FFE,
        "__vaddss4(0x7f80ff01u, 0x01ff01ffu)": 0x7F800000,
        "__vaddus4(0x7f80ff01u, 0x01ff01ffu)": 0x80FFFFFF,
        "__vadd4(0x7f80ff01u, 0x01ff01ffu)": 0x807F0000,
        "__vcmpgts4(0x80057f04u, 0x7ff880f7u)": 0x00FFFFFF,
        "__vseteq2(0x00050004u, 0x00050003u)": 0x00010000,
        "__vabs4(0x80ff7f00u)": 0x80017F00,
        "__vsadu4(0x01020304u, 0x04030201u)": 8,
        "__vnegss2(0x80000001u)": 0x7FFFFFFF,
        "__dp4a(0x01020304, 0x01ff0101, 10)": 16,
        "__dp2a_hi(0x00020003, 0x04ff0201, 10)": 15,
        "__fns(0xf0f0u, 5, 2)": 6,
        "__fns(0xf0f0u, 5, -2)": 4,
        "__funnelshift_lc(1u, 2u, 40u)": 1,
        "__funnelshift_rc(1u, 2u, 40u)": 2,
        "__urhadd(3u, 4u)": 4,
        "__byte_perm(0x03020100u, 0x07060504u, 0x7531u)": 0x07050301,
    }
    kernel = f"__global__ void k(double *a) {{ int i = 0; {' '.join(f'a[i++] = {case};' for case in cases)} }}"
    results = numbers(cuda_side, kernel, "k<<<1, 1>>>(d);", len(cases))
    assert dict(zip(cases, results, strict=True)) == cases


def test_complex_numbers_and_constants(cuda_side: CudaSide) -> None:
    kernel = """
#include <cuComplex.h>
#include <math_constants.h>
__global__ void k(double *a) {
    cuDoubleComplex x = make_cuDoubleComplex(1, 2), y = make_cuDoubleComplex(3, -4), q = cuCdiv(cuCmul(x, y), y);
    cuComplex z = cuCaddf(make_cuComplex(1, 2), make_cuFloatComplex(3, 4)), c = cuCfmaf(z, z, cuConjf(z));
    a[0] = cuCreal(q); a[1] = cuCimag(q); a[2] = cuCabs(y); a[3] = cuCabs(make_cuDoubleComplex(3e200, 4e200));
    a[4] = cuCrealf(c); a[5] = cuCimagf(c); a[6] = CUDART_PI; a[7] = CUDART_SQRT_2PI;
}"""
    expected = [1, 2, 5, 5e200, 16 - 36 + 4, 48 - 6, math.pi, math.sqrt(2 * math.pi)]
    assert numbers(cuda_side, kernel, "k<<<1, 1>>>(d);", 8) == pytest.approx(expected, rel=1e-15)


def test_functions_that_a_program_may_define_itself(cuda_side: CudaSide) -> None:
    kernel = """
static double norm(int n, const double *p) { return 5; }
static double fdivide(double a, double b) { return 6; }
__global__ void k(double *a) { a[0] = norm(1, a); a[1] = fdivide(1, 2); }"""
    assert numbers(cuda_side, kernel, "k<<<1, 1>>>(d);", 2) == [5, 6]


def test_atomics_of_every_type(cuda_side: CudaSide) -> None:
    kernel = """
__device__ long long l = -5, m; __device__ unsigned long long u = 5; __device__ unsigned short s; __device__ float2 two;
__global__ void k(double *a) {
    int t = threadIdx.x;
    atomicAdd(a, 0.5); atomicMax(&l, (long long)t); atomicMin(&u, 2ull + t);
    atomicCAS(&s, (unsigned short)0, (unsigned short)7); atomicAdd(&two, make_float2(1, 2));
    atomicAnd(&u, 0xffull); atomicOr(&m, 64ll); atomicXor(&m, 0ll); atomicExch(&u, 9ull);
    __syncthreads();
    if (t == 0) { a[1] = l + m; a[2] = u; a[3] = s; a[4] = two.x + 10 * two.y; }
    int *i = (int *)(a + 5);
    atomicAdd_block(i, 1); atomicAdd_system(i, 1); atomicCAS_system(i + 1, 0, 4); atomicInc_block((unsigned *)i, 1000u);
    __syncthreads();
    if (t == 0) { a[6] = i[0]; a[7] = i[1]; }
}"""
    for result in cuda_side.on_array(kernel, "k<<<1, 32>>>(d);", np.zeros(8)):
        assert [*result[:5], *result[6:]] == [16, 95, 9, 7, 32 + 640, 96, 4]


def test_shuffles_of_every_type(cuda_side: CudaSide) -> None:
    types = ["int", "unsigned", "long", "unsigned long", "long long", "unsigned long long", "float", "double"]
    kernel = """
template <class T> __device__ T sum(T v) {
    for (int lanes = 16; lanes > 0; lanes /= 2) v += __shfl_xor_sync(0xffffffffu, v, lanes);
    return v;
}
__global__ void k(double *a) {
    int t = threadIdx.x, p;
    double sums[] = {""" + ", ".join(f"double(sum(({name})t))" for name in types) + """};
    double last = __shfl_down_sync(0xffffffffu, t, 3, 8) + 100 * __shfl_up_sync(0xffffffffu, t, 2, 16);
    last += __uni_sync(0xffffffffu, 1) + 10000 * (__match_all_sync(0xffffffffu, 5, &p) == ~0u && p);
    if (t == 17) { for (int i = 0; i < 8; i++) a[i] = sums[i]; a[8] = last; }
}"""  # fmt: skip
    for result in cuda_side.on_array(kernel, "k<<<1, 32>>>(d);", np.zeros(9)):
        assert list(result) == [496] * 8 + [20 + 1700 + 1 + 10000]


def test_groups_of_threads(cuda_side: CudaSide) -> None:
    kernel = """
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
namespace cg = cooperative_groups;
struct Three { double x, y, z; };
__device__ int generic(cg::thread_group g) { g.sync(); return g.size() * 100 + g.thread_rank(); }
__global__ void k(int *a) {
    cg::thread_block block = cg::this_thread_block();
    cg::thread_block_tile<32> warp = cg::tiled_partition<32>(block);
    auto four = cg::tiled_partition<4>(warp);
    int v = block.thread_rank(), *row = a + v * 12;
    row[0] = cg::reduce(four, v, cg::greater<int>());
    row[1] = cg::inclusive_scan(four, v) * 1000 + cg::exclusive_scan(four, v, cg::plus<int>());
    if (v % 2) {
        auto odd = cg::coalesced_threads();
        row[2] = odd.size() * 100 + odd.thread_rank();
        row[3] = odd.shfl(v, 0) * 10000 + odd.shfl_up(v, 1) * 100 + odd.shfl_down(v, 1);
        row[4] = cg::reduce(odd, v, cg::plus<int>());
    }
    block.sync();
    row[5] = warp.meta_group_size() * 100 + four.meta_group_rank() * 10 + four.meta_group_size();
    row[6] = four.ballot(v & 1) * 100 + four.match_any(v / 2);
    row[7] = cg::labeled_partition(cg::coalesced_threads(), v % 3).size();
    row[8] = generic(block) + 10000 * generic(cg::tiled_partition(block, 8));
    Three three = {v + 0.5, 2.0 * v, 3.0}; three = warp.shfl(three, 5); row[9] = three.x * 2 + three.y + three.z;
    row[10] = cg::thread_rank(block) + block.group_dim().x * 100;
    row[11] = warp.all(1) + 2 * four.any(v % 4 == 3) + 4 * cg::this_grid().is_valid();
}"""
    for result in cuda_side.on_array(kernel, "k<<<1, 64>>>(d);", np.zeros(64 * 12, np.int32)):
        rows = result.reshape(64, 12).tolist()
        assert rows[5] == [
            *(7, 9 * 1000 + 4, 1600 + 2, 10000 + 300 + 7, 256),
            *(200 + 10 + 8, 1000 + 3, 10, 6400 + 5 + 10000 * 805, 11 + 10 + 3, 6400 + 5, 3),
        ]
        assert rows[63][:5] == [63, 246183, 1615, 33 * 10000 + 61 * 100 + 63, 768]
