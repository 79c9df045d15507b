"""`plan_launch`: the grid and the blocks for a kernel that somebody else wrote.

There is a thread for each element that is used and for each iteration: kernels test their indices. How the kernel
counts its threads shows in its text: in which dimensions, in one block or in many, a block for an index (`blockIdx.x`
alone), and blocks of the size of its shared arrays, or of the size that it takes for granted (`blockIdx.x * 128`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from compile.emulator.cuda_text import CudaText
from translator.analytic.counters import INT, constant
from translator.analytic.host_side import HostSide, printed
from translator.analytic.ir import Binary, Expr
from translator.neural.read_answer import Malformed

_BLOCKS = {1: (256,), 2: (16, 16), 3: (8, 8, 4)}
_MOST_THREADS = 1024  # of a block (CUDA C++ Programming Guide, "Compute Capabilities")
_MOST_BLOCKS = 65535  # along y and z
_ONE_BLOCK = 1024  # threads of the only block, where the kernel does not stride by its size


@dataclass(frozen=True)
class LaunchText:
    """Lines that compute the launch, what stands in `<<< >>>`, and guards without which there is none."""

    lines: tuple[str, ...]
    configuration: str
    guards: tuple[Expr, ...] = ()


def plan_launch(side: HostSide, text: str, taken: frozenset[str]) -> LaunchText | Malformed:
    """The launch of the kernel in `text`, inside a function whose parameters are `taken`."""
    code = CudaText(text)
    words = [token.text for token in code.tokens]
    if any(words[i : i + 2] == ["extern", "__shared__"] for i in range(len(words))):
        return Malformed("dynamic_shared", "the kernel has an `extern __shared__` array, whose size its launch gives")
    axes = [axis for axis in "xyz" if _uses(words, "threadIdx", axis) or _uses(words, "blockIdx", axis)]
    if not axes:
        return LaunchText((), "1, 1")
    rank = "xyz".index(axes[-1]) + 1
    block = _block(words, text, rank)
    if "blockIdx" not in words:
        return LaunchText((), f"1, {_dim3(block)}")
    names = _Names(taken)
    counts = _counts(side, words, rank)
    if rank > 1 and not counts:
        return Malformed("unknown_launch", "how often the loops run cannot be said, which a grid of blocks would cover")
    threads, over = names("threads"), "each element that is used and each iteration of a loop"
    lines = [f"long long {threads} = 1;  // for {over if rank == 1 else 'each iteration of a loop, in each dimension'}"]
    if rank == 1 and not (counts and _counts_blocks(words, "x")):
        lines += [_at_least(threads, f"(long long){usage.array.name}_used.count()") for usage in side.usages]
    lines += [_at_least(threads, count) for count in counts]
    blocks = [_blocks(words, axis, size, threads) for axis, size in zip("xyz", block, strict=False)]
    grid, sizes = names("grid"), names("block")
    lines.append(f"const dim3 {sizes}({', '.join(map(str, block))}), {grid}({', '.join(blocks)});")
    guards = [_at_most(count, _MOST_BLOCKS * min(block[1:])) for count in side.loop_counts()] if rank > 1 else []
    return LaunchText(tuple(lines), f"{grid}, {sizes}", tuple(guards))


@dataclass(frozen=True)
class _Names:
    taken: frozenset[str]

    def __call__(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        return name


def _uses(words: Sequence[str], variable: str, axis: str) -> bool:
    return any(words[i : i + 3] == [variable, ".", axis] for i, word in enumerate(words) if word == variable)


def _counts(side: HostSide, words: Sequence[str], rank: int) -> list[str]:
    """What a dimension has to cover, as C++ texts of type long long."""
    single = [_wide(count) for count in side.loop_counts()]
    if rank == 1 and not _counts_blocks(words, "x"):
        nests = [" * ".join(map(_wide, counts)) for counts in side.grid_counts(2)]
        return list(dict.fromkeys([*single, *nests]))
    nested = [_wide(count) for counts in side.grid_counts(rank) for count in counts]
    return list(dict.fromkeys(nested)) if rank > 1 and nested else single


def _wide(count: Expr) -> str:
    text = printed(count)
    return f"(long long){text}" if text.isalnum() else f"(long long)({text})"


def _counts_blocks(words: Sequence[str], axis: str) -> bool:
    """Whether the kernel takes the number of its block along the axis for an index, and not for that of many threads:
    `blockIdx.x` beside no factor."""
    places = [i for i in range(len(words)) if list(words[i : i + 3]) == ["blockIdx", ".", axis]]
    return any("*" not in (words[i - 1] if i else "", *words[i + 3 : i + 4]) for i in places)


def _blocks(words: Sequence[str], axis: str, size: int, threads: str) -> str:
    if not _uses(words, "blockIdx", axis):
        return "1"
    if _counts_blocks(words, axis) or size == 1:
        return f"(unsigned int){threads}"
    return f"(unsigned int)(({threads} + {size - 1}) / {size})"


def _block(words: Sequence[str], text: str, rank: int) -> tuple[int, ...]:
    """The threads of a block along each axis."""
    shared = _shared_extents(words, text)
    sizes: tuple[int, ...] = _BLOCKS[rank]
    if rank == 1 and "blockIdx" not in words and "blockDim" not in words:
        sizes = (_ONE_BLOCK,)
    if shared is not None and shared ** min(rank, 2) <= _MOST_THREADS:
        sizes = (shared, *((shared, 1)[: rank - 1]))
    axes = "xyz"[:rank]
    sizes = tuple(_factor(words, text, axis) or size for axis, size in zip(axes, sizes, strict=True))
    used = [_uses(words, "threadIdx", axis) for axis in axes]
    return tuple(size if is_used else 1 for size, is_used in zip(sizes, used, strict=True))


def _factor(words: Sequence[str], text: str, axis: str) -> int | None:
    """The number that the kernel multiplies its block's by: it takes that for the size of a block."""
    for i in range(len(words)):
        if list(words[i : i + 3]) == ["blockIdx", ".", axis]:
            after = words[i + 4 : i + 5] if words[i + 3 : i + 4] == ["*"] else []
            before = words[max(i - 2, 0) : i - 1] if i > 1 and words[i - 1] == "*" else []
            found = [_number(word, text) for word in (*after, *before)]
            if any(found):
                return next(number for number in found if number)
    return None


def _shared_extents(words: Sequence[str], text: str) -> int | None:
    """The first extent of the first shared array, where it is a number or a macro or constant that stands for one."""
    for i, word in enumerate(words):
        if word != "__shared__":
            continue
        end = next((j for j in range(i, min(i + 8, len(words))) if words[j] == "["), -1)
        if end > 0:
            return _number(words[end + 1], text)
    return None


def _number(word: str, text: str) -> int | None:
    if word.isdigit():
        return int(word) or None
    named = re.search(rf"(?:#\s*define\s+{re.escape(word)}\s+|\b{re.escape(word)}\s*=\s*)\(?(\d+)", text)
    return int(named[1]) or None if named else None


def _at_least(threads: str, count: str) -> str:
    return f"if ({threads} < {count}) {threads} = {count};"


def _at_most(count: Expr, most: int) -> Expr:
    return Binary("<=", count, constant(most, count.at), INT, at=count.at)


def _dim3(block: Sequence[int]) -> str:
    return str(block[0]) if len(block) == 1 else f"dim3({', '.join(map(str, block))})"
