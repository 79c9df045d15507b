"""Functions and kernels come out of a text with their place, their definitions, and the code that launches them."""

from __future__ import annotations

import pytest

from data.corpus.apis import parallel_apis
from data.corpus.language import parse_by_content
from data.corpus.mine import Mined, mine
from data.sources.document import Document

CUDA = """\
#include <stdio.h>
#include "own.h"
#define SIZE 4
#define UNUSED 5
typedef struct { float x; } point;
struct other { int y; };
__device__ float square(float x) { return x * x; }
__global__ void scale(point *a, int n)
{
    int i = threadIdx.x;
    if (i < n) a[i].x = square(a[i].x) * SIZE;
}
template <typename T> __global__ void fill(T *a) { a[0] = 1; }
void run(point *a) { scale<<<1, 2>>>(a, 3); }
void run_fill(int *a) { fill<int><<<1, 1>>>(a); }
"""
GUARDED = """\
#ifndef GUARD
#define GUARD
extern "C" {
#ifdef FAST
static int sum(const int *a, int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i]; return s; }
#else
enum mode { SLOW = 3, SLOWER };
int slow(int n) { return n + SLOWER; }
#endif
}
#endif
"""


def _mine(path: str, text: str, whole_file: bool = False) -> Mined:
    content = text.encode()
    return mine(Document(path, "tree", len(content), content), content, text, whole_file=whole_file)


def test_a_kernel_has_its_definitions_and_the_host_code_that_launches_it() -> None:
    mined = _mine("k.cu", CUDA)
    rows = {row.name: row for row in mined.rows}
    assert list(rows) == ["square", "scale", "fill", "run", "run_fill"]
    scale = rows["scale"]
    assert (scale.kind, scale.line, scale.end_line) == ("kernel", 8, 12)
    assert CUDA.splitlines()[scale.line - 1 : scale.end_line] == scale.text.splitlines()
    assert scale.host == "void run(point *a) { scale<<<1, 2>>>(a, 3); }"
    assert scale.types == (
        "#define SIZE 4\ntypedef struct { float x; } point;\n__device__ float square(float x) { return x * x; }"
    )
    assert scale.includes == ("<stdio.h>", '"own.h"')
    assert (rows["fill"].kind, rows["square"].kind, rows["run"].kind) == ("kernel", "function", "function")
    assert rows["fill"].host == "void run_fill(int *a) { fill<int><<<1, 1>>>(a); }"


def test_functions_within_guards_and_linkage_blocks_are_found() -> None:
    mined = _mine("g.h", GUARDED)
    assert [(row.name, row.line, row.types) for row in mined.rows] == [
        ("sum", 5, ""),
        ("slow", 8, "enum mode { SLOW = 3, SLOWER };"),
    ]
    assert mined.language == "c"


def test_a_function_that_does_not_parse_is_counted_and_left_out() -> None:
    mined = _mine("b.c", "int good(int a) { return a; }\nint bad(int a) { return a +; }\n")
    assert [row.name for row in mined.rows] == ["good"]
    assert mined.broken == 1


@pytest.mark.parametrize(
    ("path", "text", "language"),
    [
        ("a.h", "int f(int a);\n", "c"),
        ("a.h", "template <class T> T f(T a) { return a; }\n", "c++"),
        ("a.c", "// std::vector, __global__ and class x {\nint f(int a) { return a; }\n", "c"),
        ("a.c", 'const char *s = "std::string <<<1, 2>>>(";\n', "c"),
        ("a.cpp", "int f(int a) { return a; }\n", "c"),
        ("a.cpp", "int f(int &a) { return a; }\n", "c++"),
        ("a.cpp", "__global__ void k(int *a) { a[0] = 1; }\n", "cuda"),
        ("a.h", "struct s { int class_size; int subclass; };\n", "c"),
        ("a.h", "namespace n { int f(); }\n", "c++"),
    ],
)
def test_the_language_is_told_by_the_content(path: str, text: str, language: str) -> None:
    assert parse_by_content(path, text.encode())[0] == language


@pytest.mark.parametrize(
    ("text", "apis"),
    [
        ("#pragma omp parallel for\n", ("openmp",)),
        ("# pragma  acc loop\nMPI_Send(a, 1);", ("mpi",)),
        ("#pragma acc loop\n", ("openacc",)),
        ("__global__ void k();", ("cuda",)),
        ("clEnqueueNDRangeKernel(q, k);", ("opencl",)),
        ("tbb::parallel_for(r, f); std::thread t(f);", ("tbb", "threads")),
        ("sycl::queue q;", ("sycl",)),
        ("pthread_create(&t, 0, f, 0);", ("threads",)),
        ("int comp_accumulate(int mpi); /* cuda */", ()),
    ],
)
def test_parallel_interfaces_are_told_by_their_use(text: str, apis: tuple[str, ...]) -> None:
    assert parallel_apis(text) == apis


def test_a_file_is_a_row_where_it_is_asked_for() -> None:
    mined = _mine("d/g.h", GUARDED, whole_file=True)
    assert [row.kind for row in mined.rows] == ["file", "function", "function"]
    assert (mined.rows[0].name, mined.rows[0].text, mined.rows[0].end_line) == ("g.h", GUARDED, 11)
