"""Device code by nvcc's own steps over a kept header: the same machine code and the same verdicts as nvcc's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from compile.gpu.cubin import FLAGS, cubin_script
from compile.nvcc import nvcc_command
from compile.toolchain import find_nvcc
from data.source_file import SourceFile

pytestmark = pytest.mark.skipif(find_nvcc() is None, reason="nvcc was not found")

TEXTS = {
    "plain": "__global__ void k(float *a, int n) { if (threadIdx.x < n) a[threadIdx.x] = sqrtf(powf(a[1], n)); }",
    "includes": """#include <cuda_runtime.h>
#include <stdio.h>
#include <math.h>
#include <assert.h>
#include <cuda_fp16.h>
#include <cooperative_groups.h>
__global__ void k(float *a, __half *h) {
    assert(a);
    a[0] = __half2float(h[0]) + abs(a[1]) + min(1, 2);
    printf("%f", a[0]);
}
""",
    "std": """#include <algorithm>
#include <vector>
#include <cmath>
void host(std::vector<float> &v) { std::sort(v.begin(), v.end()); v[0] = std::beta(1.0f, 2.0f); }
__global__ void k(float *a) { a[0] = std::fabs(a[1]); }
""",
    "macros": """#ifndef __CUDA_RUNTIME_H__
#error no
#endif
__global__ void k(int *a) { a[0] = __CUDA_ARCH__ + __LINE__ + CUDART_VERSION + INT_MAX; }
""",
}


def script_for(text: str, folder: Path, source: SourceFile | None = None) -> tuple[str, list[str]]:
    """The script for `text` in `folder`, and the plain command of nvcc."""
    tool = find_nvcc()
    assert tool is not None
    (folder / "unit.cu").write_text(text)
    command = [*nvcc_command(tool, "sm_80", None), *FLAGS]
    script, _ = cubin_script(text, command, tool, source)
    return script, [*command, "-cubin", "-o", "unit.cubin", "unit.cu"]


@pytest.mark.parametrize("name", TEXTS)
def test_the_machine_code_is_nvccs(name: str, tmp_path: Path) -> None:
    script, plain = script_for(TEXTS[name], tmp_path)
    fast, _, slow = script.rpartition(" || ")
    assert fast and slow.endswith("unit.cu"), "nvcc's steps are not those that are known: it does it all"
    subprocess.run(["/bin/sh", "-c", fast], cwd=tmp_path, check=True)
    own = (tmp_path / "unit.cubin").read_bytes()
    subprocess.run(plain, cwd=tmp_path, check=True)
    assert own == (tmp_path / "unit.cubin").read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "__global__ void k(int *a) { a[0] = nonsense; }",
        "#include <nowhere.h>\n",
        "__global__ void k(int *a) { __shared__ double s[7000]; s[a[1]] = a[0]; a[0] = s[a[2]]; }",
        "#error stop\n",
    ],
    ids=["cicc", "preprocessor", "ptxas", "#error"],
)
def test_what_fails_gets_nvccs_own_words(text: str, tmp_path: Path) -> None:
    script, plain = script_for(text, tmp_path)
    own = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    nvcc = subprocess.run(plain, cwd=tmp_path, capture_output=True, text=True)
    assert own.returncode == nvcc.returncode != 0
    assert own.stderr + own.stdout == nvcc.stderr + nvcc.stdout


def test_a_text_with_macros_of_its_own_is_left_to_nvcc(tmp_path: Path) -> None:
    source = SourceFile(tmp_path / "user.cpp", "", "c++", defines=("NDEBUG",))
    tool = find_nvcc()
    assert tool is not None
    command = nvcc_command(tool, "sm_80", source)
    script, kept = cubin_script("__global__ void k() { }", command, tool, source)
    assert " || " not in script and not kept
