"""What the emulator does not have is said with a code and its line, and only where the text really uses it."""

from __future__ import annotations

import pytest
from cuda_side import CudaSide

from compile.emulator.build import build_emulated_program
from compile.emulator.codes import EMULATOR_CODES
from compile.emulator.rewrite import RewriteError, UnsupportedError, rewrite
from compile.outcome import Outcome, Status

KERNEL = "__global__ void k(int *a) {{ {} }}"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("MUSL301", "__global__ void k(cudaTextureObject_t t, float *a) { a[0] = 1; }"),
        ("MUSL301", "__global__ void k(unsigned long long t, float *a) { a[0] = tex2D<float>(t, 0.5f, 0.5f); }"),
        ("MUSL301", "texture<float, 2, cudaReadModeElementType> image;"),
        ("MUSL301", "void f() { cudaArray_t array; cudaChannelFormatDesc d = cudaCreateChannelDesc<float>(); }"),
        ("MUSL301", KERNEL.format("surf2Dwrite(1, a, 0, 0);")),
        ("MUSL302", KERNEL.format("if (a[0]) k<<<1, 1>>>(a);")),
        ("MUSL302", "__device__ void d(int **a) { cudaMalloc((void **)a, 4); }"),
        ("MUSL303", KERNEL.format('asm volatile("mov.u32 %0, %%laneid;" : "=r"(a[0]));')),
        ("MUSL303", '__device__ int lane() { int l; __asm__("mov.u32 %0, %laneid;" : "=r"(l)); return l; }'),
        ("MUSL304", "void f(void **p) { cudaLaunchCooperativeKernel((void *)f, 1, 1, p, 0, 0); }"),
        ("MUSL304", KERNEL.format("cooperative_groups::this_multi_grid().sync();")),
        ("MUSL305", "__global__ void __cluster_dims__(2, 1, 1) k(int *a) { a[0] = 1; }"),
        ("MUSL305", KERNEL.format("auto c = cooperative_groups::this_cluster();")),
        ("MUSL305", "void f() { cudaLaunchConfig_t config; }"),
        ("MUSL306", "#include <mma.h>\nusing namespace nvcuda;"),
        ("MUSL306", KERNEL.format("nvcuda::wmma::fragment<int> f;")),
        ("MUSL307", "#include <thrust/device_vector.h>\n"),
        ("MUSL307", '#include "cublas_v2.h"\n'),
        ("MUSL307", "  #  include <curand_kernel.h>\n"),
        ("MUSL307", "void f(float *a) { cub::DeviceReduce::Sum(a, a); }"),
        ("MUSL308", "void f() { cudaGraph_t g; cudaGraphCreate(&g, 0); }"),
        ("MUSL308", "void f(cudaStream_t s) { cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal); }"),
        ("MUSL309", "#include <cuda/atomic>\n"),
        ("MUSL309", KERNEL.format("cuda::atomic_ref<int> r(a[0]);")),
        ("MUSL310", KERNEL.format("__shared__ int s[4]; __pipeline_memcpy_async(s, a, 4); __pipeline_commit();")),
        ("MUSL310", KERNEL.format("cooperative_groups::memcpy_async(block, s, a, 4);")),
        ("MUSL311", KERNEL.format("__barrier_sync(1);")),
        ("MUSL312", "void f() { cuInit(0); CUdevice d; cuDeviceGet(&d, 0); }"),
        ("MUSL313", "void f() { cudaMemPool_t pool; cudaDeviceGetDefaultMemPool(&pool, 0); }"),
        ("MUSL313", "void f() { cudaIpcMemHandle_t h; }"),
        ("MUSL314", KERNEL.format("a[0] = __vimax3_s32(1, 2, 3);")),
        ("MUSL315", "#include <cuda_fp8.h>\n"),
        ("MUSL316", "__host__ __device__ int f() {\n#ifdef __CUDA_ARCH__\nreturn 1;\n#else\nreturn 2;\n#endif\n}"),
    ],
)
def test_what_is_missing_has_a_code(code: str, text: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        rewrite("\n" + text)
    assert raised.value.code == code
    assert raised.value.line >= 2
    assert str(raised.value).startswith(f"{raised.value.line}: {code} {EMULATOR_CODES[code]} (")


@pytest.mark.parametrize(
    "text",
    [
        "// asm volatile(...) tex2D(x) thrust::sort\n/* cudaGraph_t */",
        'const char *s = "asm(cudaGraphLaunch) <<<1, 1>>>";',
        "static float tex2D(const float *image, int x) { return image[x]; }\nfloat f(float *a) { return tex2D(a, 1); }",
        "float *surf2D(float *a) { return a; }\nvoid f(float *a) { surf2D(a); }",
        "struct texture { int width; }; void f(texture t) {}",
        "int asm_lines, thrust = 3, cub, cute; float texture; void f() { cub = thrust * cute; }",
        "float *cudaArrayA, *cudaArrayB; void f() { cudaArrayA = cudaArrayB; }",
        "struct S { int tex2D; }; int f(S s) { return s.tex2D; }",
        'void f() { asm volatile("mfence"); }',
        "namespace cub { int sum(int); } int f() { return cub::sum(1); }",
        "#define tex2D(t, x) t[x]\nfloat f(float *a) { return tex2D(a, 2); }",
        "void cuInitGrid(int n) {} void f() { cuInitGrid(3); }",
    ],
)
def test_a_name_alone_is_not_refused(text: str) -> None:
    rewrite(text)


def test_host_functions_in_kernels_are_left_to_nvcc_and_the_rest_to_the_compiler() -> None:
    # Neither is something that the emulator lacks.
    rewrite(KERNEL.format("cudaMemcopy(a, a, 4);"))
    rewrite("void f() { cudaMallocs(0, 4); }")


def test_the_outcome_is_the_emulators_fault(cuda_side: CudaSide) -> None:
    outcome = cuda_side.fail_to_build("int x;\n" + KERNEL.format('asm("trap;");') + "\nvoid f() {}", "void f()")
    assert outcome.status is Status.INFRASTRUCTURE
    assert outcome.message.endswith(":2: MUSL303 inline PTX (asm): the emulator has none; verify on a GPU")
    assert isinstance(RewriteError("1: x"), ValueError)


CONDITIONAL = """#ifdef WITH_PTX
__global__ void p(int *a) { asm("mov.u32 %0, %%laneid;" : "=r"(a[0])); }
#include <thrust/sort.h>
#endif
#define LANE(x) asm("mov.u32 %0, %%laneid;" : "=r"(x))
__global__ void k(int *a) { a[0] = 1; }
int main() { return 0; }
"""


@pytest.mark.parametrize(
    ("head", "added", "place"),
    [
        ("", "", None),
        ("#define WITH_PTX\n", "", ":3: MUSL303"),
        ("", "__global__ void q(int *a) {\n LANE(a[0]); }\n", ":9: MUSL303"),
        (
            "",
            "#include <cooperative_groups.h>\n__global__ void g() { cooperative_groups::this_grid().sync(); }\n",
            ":9: MUSL304",
        ),
    ],
)
def test_what_the_preprocessor_throws_away_is_not_missed(
    cuda_side: CudaSide, head: str, added: str, place: str | None
) -> None:
    build = build_emulated_program(head + CONDITIONAL + added, cuda_side.scratch, cuda_side.sandbox)
    if place is None:
        assert not isinstance(build, Outcome), build.message
    else:
        assert isinstance(build, Outcome)
        assert build.status is Status.INFRASTRUCTURE, build.message
        assert place in build.message


def test_other_errors_of_the_compiler_stay_the_candidates(cuda_side: CudaSide) -> None:
    outcome = cuda_side.fail_to_build("void f() { MUSL303(); }", "void f()")
    assert outcome.status is Status.COMPILE_ERROR
