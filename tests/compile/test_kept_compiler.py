"""Kept compilers: their assembly is the ordinary compiler's, and a bad text costs itself alone."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from compile.build import Build
from compile.emulator.build import INCLUDE, precompiled_header, unit_flags
from compile.host import build_host
from compile.kept import pool
from compile.kept.compiler import KeptCompiler, KeptCompilerError
from compile.outcome import Outcome, Status
from compile.sandbox import Sandbox
from compile.toolchain import find_gxx
from data.find_functions import find_functions
from data.source_file import SourceFile

KERNEL = """#line 1 "/pair/scale.cu"
__global__ void scale(float *a, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) a[i] *= 2.0f;
}
float *run(int n) {
    float *a;
    cudaMalloc(&a, n * sizeof(float));
    return a;
}
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


@pytest.fixture
def command() -> list[str]:
    header = precompiled_header("bounds", "lean")
    words = [str(find_gxx().path), *unit_flags("bounds"), "-include", str(header)]
    return [*words, "-c", "unit.cpp", "-o", "unit.o"]


@pytest.fixture
def kept(command: list[str], sandbox: Sandbox) -> Iterator[KeptCompiler]:
    compiler = KeptCompiler.start(command, "unit.cpp", sandbox, [INCLUDE, precompiled_header("bounds", "lean").parent])
    yield compiler
    compiler.close()


def compile_text(kept: KeptCompiler, folder: Path, text: str) -> bool:
    (folder / "unit.cpp").write_text(text, encoding="utf-8")
    return kept.compile(folder / "unit.cpp", folder / "unit.s")


def ordinary_assembly(command: list[str], folder: Path) -> str:
    """What the ordinary compiler makes of unit.cpp in the folder, which it calls as the kept one calls its own."""
    named = f"-fdebug-prefix-map={folder}=/tmp"
    subprocess.run([*command[:-4], named, "-S", "unit.cpp", "-o", "own.s"], cwd=folder, check=True)
    return (folder / "own.s").read_text()


TEXTS = (
    KERNEL,
    "int f() { return __LINE__; }",
    "int f() {\n  return __COUNTER__;\n}\n",
    "struct S { S(); int a; };\nstatic S s;\nint g() { return s.a; }\n",
    '#line 7 "/pair/x.cu"\nextern "C" double h(double *x, int i) { return x[i] / 3; }\n\n\n// the end',
    "// " + "long " * 20000 + "\nint f() { return 1; }\n",
)


@pytest.mark.parametrize("text", TEXTS)
def test_the_assembly_is_that_of_an_ordinary_compiler(
    kept: KeptCompiler, command: list[str], tmp_path: Path, text: str
) -> None:
    for _ in range(2):  # a job leaves nothing behind for the next
        assert compile_text(kept, tmp_path, text)
        assert (tmp_path / "unit.s").read_text() == ordinary_assembly(command, tmp_path)


@pytest.mark.parametrize(
    "text",
    ["int f( {", '#include "/etc/passwd"\n', "#warning said\nint a;\n", "#include __FILE__\nint f() { return x; }"],
)
def test_what_is_not_compiled_without_a_word_is_left_to_the_ordinary_compiler(
    kept: KeptCompiler, tmp_path: Path, text: str
) -> None:
    assert not compile_text(kept, tmp_path, text)
    assert compile_text(kept, tmp_path, KERNEL)


def test_a_compiler_that_takes_too_long_is_given_up_and_dies(
    kept: KeptCompiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept._jobs.settimeout(1.0)
    deep = "template <int a, int b> struct T { T<a - 1, 2 * b> x; T<a - 1, 2 * b + 1> y; };\n"
    with pytest.raises(KeptCompilerError, match="does not answer"):
        compile_text(kept, tmp_path, f"{deep}template <int b> struct T<0, b> {{ }};\nT<28, 0> t;\n")
    assert kept._process.poll() is not None
    with pytest.raises(KeptCompilerError, match="has gone"):
        compile_text(kept, tmp_path, KERNEL)


def test_a_job_sees_no_folder_of_a_build(kept: KeptCompiler, tmp_path: Path) -> None:
    (tmp_path / "secret.h").write_text("int secret;\n")
    assert not compile_text(kept, tmp_path, f'#include "{tmp_path}/secret.h"\n')


def test_a_compiler_ends_when_nobody_holds_its_socket(kept: KeptCompiler) -> None:
    kept._jobs.close()
    assert kept._process.wait(10.0) == 0


def test_a_compiler_outlives_the_thread_that_started_it(command: list[str], sandbox: Sandbox, tmp_path: Path) -> None:
    readable = [INCLUDE, precompiled_header("bounds", "lean").parent]
    with ThreadPoolExecutor(1) as threads:
        compiler = threads.submit(KeptCompiler.start, command, "unit.cpp", sandbox, readable).result()
    time.sleep(0.2)
    assert compile_text(compiler, tmp_path, KERNEL)
    compiler.close()


def test_a_command_that_does_not_compile_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(KeptCompilerError):
        KeptCompiler.start(
            [str(find_gxx().path), "-nonsense", "-c", "unit.cpp", "-o", "unit.o"], "unit.cpp", sandbox, []
        )


# ------------------------------------------------------------------------------------------------------------ the pool


@pytest.fixture(autouse=True)
def _own_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    commands: dict[tuple[str, ...], pool._Command] = {}
    monkeypatch.setattr(pool, "_COMMANDS", commands)
    monkeypatch.delenv(pool.OFF, raising=False)
    pool.COUNTS.clear()
    yield
    for entry in commands.values():
        if entry.compiler is not None:
            entry.compiler.close()


def build(sandbox: Sandbox, text: str) -> Build | Outcome:
    source = SourceFile(Path("/pair/f.cpp"), text, "c++")
    whole = SourceFile(Path("/pair/f.cpp"), "int f(int *a, int n) { return a[0] + n; }", "c++")
    return build_host(source, find_functions(whole).functions[0], "sanitize", sandbox.scratch, sandbox)


def objdump(unit: Path) -> list[bytes]:
    """The code and the data of a unit, without its name."""
    argv = ["objdump", "-s", "-j", ".text", "-j", ".rodata", "-j", ".data", "-j", ".eh_frame", str(unit)]
    return subprocess.run(argv, capture_output=True, check=True).stdout.splitlines()[2:]


GOOD = "int f(int *a, int n) { return a[n - 1] / n; }\n"


def test_from_the_second_unit_on_a_compiler_is_kept(sandbox: Sandbox) -> None:
    builds = [build(sandbox, GOOD) for _ in range(3)]
    assert pool.COUNTS == {"not kept": 1, "compiled": 2}
    units = [one.unit for one in builds if isinstance(one, Build) and one.unit is not None]
    assert len(units) == 3
    assert [objdump(unit) for unit in units[1:]] == [objdump(units[0])] * 2


def test_the_words_about_a_wrong_text_are_the_ordinary_ones(sandbox: Sandbox) -> None:
    bad = "int f(int *a, int n) { return b[n]; }\n"
    first, second = build(sandbox, bad), build(sandbox, bad)
    assert isinstance(first, Outcome) and isinstance(second, Outcome)
    assert first.status is second.status is Status.COMPILE_ERROR
    assert first.message == second.message
    assert pool.COUNTS["has messages"] > 0


def test_what_a_kept_compiler_dies_of_goes_to_the_ordinary_one_and_is_counted(sandbox: Sandbox) -> None:
    assert all(isinstance(build(sandbox, GOOD), Build) for _ in range(2))
    (entry,) = (entry for entry in pool._COMMANDS.values() if entry.compiler is not None)
    assert entry.compiler is not None
    os.killpg(entry.compiler._process.pid, 9)
    entry.compiler._jobs.shutdown(2)
    assert isinstance(build(sandbox, GOOD), Build)
    assert pool.COUNTS["failed"] == 1
    assert isinstance(build(sandbox, GOOD), Build)  # by a new one
    assert pool.COUNTS["compiled"] == 2


def test_threads_share_a_compiler(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(4) as threads:
        builds = list(threads.map(lambda _: build(sandbox, GOOD), range(8)))
    assert all(isinstance(one, Build) for one in builds)
    assert pool.COUNTS["compiled"] >= 4


def test_a_forked_process_has_compilers_of_its_own(sandbox: Sandbox) -> None:
    assert all(isinstance(build(sandbox, GOOD), Build) for _ in range(2))
    child = os.fork()
    if child == 0:
        alone = not pool._COMMANDS and all(isinstance(build(sandbox, GOOD), Build) for _ in range(2))
        os._exit(0 if alone and pool.COUNTS["compiled"] == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert isinstance(build(sandbox, GOOD), Build)
    assert pool.COUNTS["compiled"] == 2


def test_a_unit_that_reads_the_users_files_has_an_ordinary_compiler(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "own.h").write_text("#define TWO 2\n")
    text = '#include "own.h"\nint f(int *a, int n) { return a[0] + n * TWO; }\n'
    source = SourceFile(tmp_path / "f.cpp", text, "c++")
    function = find_functions(source).functions[0]
    for _ in range(3):
        assert isinstance(build_host(source, function, "sanitize", tmp_path, sandbox), Build)
    assert not pool.COUNTS
