"""CUDA text with every way to define, name and launch a kernel, for the tests of builds for a GPU."""

SIGNATURE = "void f(float *a, int n)"

KERNELS = r"""
#include <cuda_runtime.h>
#define BLOCK 128
#define LAUNCH(kernel, n, ...) kernel<<<((n) + BLOCK - 1) / BLOCK, BLOCK>>>(__VA_ARGS__)
#define DEFINE(name, type) \
    __global__ void name(type *a, int n) { \
        if (threadIdx.x < n) a[threadIdx.x] = (type)1; \
    }
struct Point { float x, y, z; char tag; };
struct alignas(16) Wide { double v[2]; };
__constant__ float weights[4] = {1, 2, 3, 4};
__device__ int counter;
static __device__ float hidden;
namespace { __constant__ int local_table[3]; __global__ void anonymous(int *a) { a[0] = local_table[a[1] & 1]; } }
namespace space { namespace inner { __global__ void nested(float *a) { a[0] = weights[1]; } } }
__global__ void plain(float *a, int n) { if (threadIdx.x < n) { a[threadIdx.x] += hidden; atomicAdd(&counter, 1); } }
static __global__ void internal(float *__restrict__ a, const unsigned char c, double d) { a[c] = d; }
extern "C" __global__ void __launch_bounds__(256, 2) c_linkage(float *a, short s) { a[s] = 0; }
template <class T, int N = 4> __global__ void templated(T *a, T by) { a[N] *= by; }
template <class... A> __global__ void pack(float *a, A... rest) { a[0] = sizeof...(rest); }
__global__ void overloaded(float *a) { a[0] = 1; }
__global__ void overloaded(float *a, Point p) { a[0] = p.x; }
__global__ void with_default(float *a, int n = 7, Wide w = Wide()) { a[n] = w.v[0]; }
__global__ void unnamed(float *, int, const Point, float3) { }
__global__ void through_pointer(float *a, char4 c, long long l) { a[c.x] = l; }
__global__ void ptx(unsigned *a) { asm volatile("mov.u32 %0, %%laneid;" : "=r"(a[0])); }
DEFINE(made_by_macro, double)
__device__ float helper(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 700
    return __shfl_xor_sync(0xffffffff, x, 1);
#else
    return x;
#endif
}
__global__ void uses_helper(float *a) {
    extern __shared__ float s[];
    s[threadIdx.x] = a[threadIdx.x];
    a[0] = helper(s[0]);
}
void f(float *a, int n) {
    float *d;
    int table[3] = {1, 2, 3};
    cudaMalloc(&d, n * sizeof(float));
    cudaMemcpy(d, a, n * sizeof(float), cudaMemcpyHostToDevice);
    cudaMemcpyToSymbol(local_table, table, sizeof table);
    cudaMemcpyToSymbol(hidden, a, sizeof(float));
    anonymous<<<1, 1>>>((int *)d);
    space::inner::nested<<<1, 1>>>(d);
    LAUNCH(plain, n, d, n);
    internal<<<dim3(2, 2), dim3(8, 8), 0>>>(d, 1, 2);
    c_linkage<<<1, 32, 0, cudaStreamLegacy>>>(d, 3);
    templated<<<1, 1>>>(d, 2.0f);
    templated<double, 9><<<1, 1>>>((double *)d, 2);
    pack<<<1, 1>>>(d, 1, 'c', 2.0);
    overloaded<<<1, 1>>>(d);
    overloaded<<<1, 1>>>(d, Point{1, 2, 3, 'c'});
    with_default<<<1, 1>>>(d);
    unnamed<<<1, 1>>>(d, 1, Point(), float3{1, 2, 3});
    void (*pointer)(float *, char4, long long) = through_pointer;
    pointer<<<1, 1>>>(d, char4{1, 2, 3, 4}, 5);
    ptx<<<1, 1>>>((unsigned *)d);
    made_by_macro<<<1, 1>>>((double *)d, 1);
    cudaFuncSetAttribute(uses_helper, cudaFuncAttributeMaxDynamicSharedMemorySize, 65536);
    uses_helper<<<1, 32, 65536>>>(d);
    cudaMemcpy(a, d, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(d);
}
"""
# Of each kernel, the sizes of its parameters in bytes.
PARAMETERS = {
    "anonymous": [8],
    "nested": [8],
    "plain": [8, 4],
    "internal": [8, 1, 8],
    "c_linkage": [8, 2],
    "templated": [8, 4],
    "templated 9": [8, 8],
    "pack": [8, 4, 1, 8],
    "overloaded": [8],
    "overloaded 2": [8, 16],
    "with_default": [8, 4, 16],
    "unnamed": [8, 4, 16, 12],
    "through_pointer": [8, 4, 8],
    "ptx": [8],
    "made_by_macro": [8, 4],
    "uses_helper": [8],
}
