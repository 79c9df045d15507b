"""Mutants: CUDA texts with one planted fault each, to measure how many of them tests find.

    make_mutants(text) --> Mutant(operator=OFF_BY_ONE, before="n", after="n - 1", text=...), ...

`MutationOperator` (mutant_edit.py) says what is planted. Faults are found in the syntax tree, in what one host function
runs (mutant_sources.py); every mutant parses as well as the original does. Edits that provably change no result are
not planted (mutant_rules.py, each rule with its argument). The same text and seed give the same mutants, and a mutant's
id does not depend on what stands around the functions that are mutated.

After: R. A. DeMillo, R. J. Lipton, F. G. Sayward, "Hints on test data selection", Computer 11(4), 1978; the operators
for parallel code follow the faults that generated CUDA shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.syntax import syntax_errors
from tester.mutant_device import device_edits
from tester.mutant_edit import DESCRIPTIONS, Edit, MutationOperator
from tester.mutant_host import host_edits
from tester.mutant_launch import constants_of, find_launches
from tester.mutant_rules import canonical
from tester.mutant_sources import Definition, find_definitions, find_sources, parse_cuda

__all__ = ["DESCRIPTIONS", "Mutant", "MutationOperator", "make_mutants"]


@dataclass(frozen=True)
class Mutant:
    """A CUDA text with one planted fault: `before` at `line` and `column` (from 1) has become `after`.

    `id` is a hash of the mutated functions' original text, the operator and the change, with its place in that text.
    """

    id: str
    operator: MutationOperator
    line: int
    column: int
    before: str
    after: str
    text: str


def make_mutants(
    cuda_text: str, *, function: str | None = None, seed: int = 0, limit: int | None = None
) -> list[Mutant]:
    """The mutants of what the host function `function` runs (any host function if None), in source order.

    With a `limit`, so many are chosen at random by `seed`, the operators in turn, so that rare ones are in.
    """
    content = cuda_text.encode()
    root = parse_cuda(content)
    sources = find_sources(root, function)
    definitions = find_definitions(root)
    kernels = {d.name: d for d in sources if d.kind == "kernel"}
    launches = find_launches(definitions)
    errors = sum(1 for _ in syntax_errors(root))
    found: dict[str, Mutant] = {}
    for source in sources:
        values = constants_of(source.name, launches)
        edits = host_edits(source, kernels, launches) if source.kind == "host" else device_edits(source, launches)
        for edit in edits:
            text = edit.apply(content).decode()
            if text not in found and _is_fault(text, source, values, errors):
                found[text] = _mutant(content, sources, source, edit)
    mutants = sorted(found.values(), key=lambda m: (m.line, m.column, m.operator, m.after))
    return mutants if limit is None else _choose(mutants, seed, limit)


def _is_fault(text: str, source: Definition, values: Mapping[str, int], errors: int) -> bool:
    """Whether the mutant parses no worse than the original, and differs by more than the order of commuting operands
    and what a kernel's launches make trivial (`values`)."""
    root = parse_cuda(text.encode())
    if sum(1 for _ in syntax_errors(root)) > errors:
        return False
    same_start = [d for d in find_definitions(root) if d.node.start_byte == source.node.start_byte]
    return bool(same_start) and canonical(same_start[0].body, values=values) != canonical(source.body, values=values)


def _mutant(content: bytes, sources: Sequence[Definition], source: Definition, edit: Edit) -> Mutant:
    before = content[edit.start : edit.end].decode()
    line = content.count(b"\n", 0, edit.start) + 1
    column = edit.start - (content.rfind(b"\n", 0, edit.start) + 1) + 1
    digest = hashlib.sha256()
    for definition in sources:
        digest.update((definition.node.text or b"") + b"\0")
    offset = edit.start - source.node.start_byte
    digest.update(f"{edit.operator}\0{source.name}\0{offset}\0{before}\0{edit.after}".encode())
    identity = digest.hexdigest()[:16]
    return Mutant(identity, edit.operator, line, column, before, edit.after, edit.apply(content).decode())


def _choose(mutants: Sequence[Mutant], seed: int, limit: int) -> list[Mutant]:
    """At most `limit` of them: the operators, in random order, give one at random in turn."""
    rng = np.random.default_rng(seed)
    by_operator: dict[MutationOperator, list[Mutant]] = {}
    for index in rng.permutation(len(mutants)):
        by_operator.setdefault(mutants[index].operator, []).append(mutants[index])
    operators = [list(MutationOperator)[index] for index in rng.permutation(len(MutationOperator))]
    chosen: set[str] = set()
    while len(chosen) < min(limit, len(mutants)):
        for operator in operators:
            if by_operator.get(operator) and len(chosen) < limit:
                chosen.add(by_operator[operator].pop().id)
    return [mutant for mutant in mutants if mutant.id in chosen]
