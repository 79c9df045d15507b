"""`machine_code`: what two CUDA texts compile to, to show that they are the same.

Trivial compiler equivalence: two texts that an optimising compiler turns into the same instructions compute the same
(M. Papadakis, Y. Jia, M. Harman, Y. Le Traon, ICSE 2015). Here the text is compiled as the emulator rewrites it, with
each launch as a loop over its blocks and threads around the inlined kernel (launch_loops.h), so the optimiser knows
what the launch makes true in the kernel: in `k<<<n, 1>>>`, that `blockIdx.x < n`.

What equal code shows: every thread does the same accesses on the same values, since nothing is moved from one thread
to the next; so the texts are the same CUDA program if no thread waits for another (`threads_are_alone`). What would
let a compiler use undefined behaviour of one text is switched off: signed overflow, aliasing, null pointers, bounds of
arrays, endless loops. Code that differs shows nothing.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from compile.emulator.build import INCLUDE
from compile.emulator.rewrite import RewriteError, rewrite
from compile.emulator.tokens import tokenize
from compile.host import include_flags, run_steps
from compile.includes import include_folders
from compile.outcome import Outcome, Status
from compile.sandbox import Sandbox
from compile.toolchain import find_gxx
from data.source_file import SourceFile

HEADER = Path(__file__).resolve().parent / "launch_loops.h"
FLAGS = (
    *("-std=gnu++17", "-O2", "-w", "-pipe", "-S", "-ffp-contract=off", "-fno-ident", "-D_Bool=bool"),
    *("-fwrapv", "-fno-strict-aliasing", "-fno-delete-null-pointer-checks", "-fno-aggressive-loop-optimizations"),
    *("-fno-finite-loops", "-fno-asynchronous-unwind-tables", f"-I{INCLUDE}"),
)
_LABEL = re.compile(rb"\.L[A-Z]*\d+")
_WAITS = re.compile(
    r"__sync\w*|__shfl\w*|__ballot\w*|__any\w*|__all\w*|__match\w*|__reduce\w*|__activemask|__threadfence\w*"
    r"|__shared__|cooperative_groups|cg|volatile|asm|__asm__"
)


def threads_are_alone(cuda_text: str) -> bool:
    """Whether no thread of the text's kernels waits for or shares a variable with others of its block, so that equal
    code is the same program."""
    return not any(_WAITS.fullmatch(token.text) for token in tokenize(cuda_text) if token.kind == "word")


def machine_code(cuda_text: str, scratch: Path, sandbox: Sandbox, source: SourceFile | None = None) -> bytes | Outcome:
    """The assembly text of a CUDA text with its launches as loops, labels numbered in order, or the COMPILE_ERROR.

    `source` is the file that the text was made from: its include folders and macros hold for it. Never run.
    """
    try:
        text = rewrite(cuda_text).text
    except RewriteError as error:
        return Outcome(Status.COMPILE_ERROR, stderr=str(error).encode())
    folder = Path(tempfile.mkdtemp(prefix="code-", dir=scratch)).resolve()
    own = sandbox.within(folder)
    (folder / "unit.cpp").write_text(text, encoding="utf-8")
    flags = include_flags(source) if source is not None else []
    command = [str(find_gxx().path), *FLAGS, *flags, "-include", str(HEADER), "unit.cpp", "-o", "unit.s"]
    folders = include_folders(source) if source is not None else []
    outcome = run_steps([command], own, [INCLUDE, HEADER.parent, *folders])
    return _number_labels((folder / "unit.s").read_bytes()) if outcome.ok else outcome


def _number_labels(assembly: bytes) -> bytes:
    """The text with local labels numbered as they occur: their numbers depend on what the compiler threw away."""
    numbers: dict[bytes, int] = {}
    return _LABEL.sub(lambda label: b".L%d" % numbers.setdefault(label.group(), len(numbers)), assembly)
