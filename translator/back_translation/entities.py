"""After stage 1, optional: the encoder names what each token is in the syntax tree (CodeRosetta, arXiv 2410.20527,
section 3: abstract syntax tree entity recognition).

    <c> void func_0 ( float * arr_0 ) { ... <end>     -->     - type function punctuation type operator name ...
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tree_sitter import Node

from data.corpus.language import parse
from data.syntax import walk
from models.pretraining.vocabulary import Vocabulary
from translator.back_translation.config import SIDES, EntitiesGroup, Side
from translator.back_translation.marks import Marks
from translator.back_translation.network import IGNORED, Work, encoder_batch
from translator.back_translation.texts import LanguageTexts, parts

Tag: TypeAlias = str
TAGS: tuple[Tag, ...] = (
    *("name", "function", "member", "type", "constant", "string", "keyword"),
    *("operator", "punctuation", "directive", "comment", "error"),
)
_OF_NODE: Mapping[str, Tag] = {
    "identifier": "name",
    "field_identifier": "member",
    "statement_identifier": "name",
    "namespace_identifier": "name",
    "type_identifier": "type",
    "primitive_type": "type",
    "number_literal": "constant",
    "true": "constant",
    "false": "constant",
    "null": "constant",
    "comment": "comment",
}
_STRINGS = ("string", "char", "system_lib", "escape", "raw_string")
_CALLS = frozenset({"call_expression", "function_declarator", "preproc_function_def"})


@dataclass(frozen=True)
class Entities:
    """The batches of this stage."""

    group: EntitiesGroup
    texts: Mapping[Side, LanguageTexts]
    marks: Marks
    vocabulary: Vocabulary
    seed: int

    def work(self, step: int, mine: slice) -> Work:
        """The part `mine` of the texts of a step, the languages in turns."""
        side = SIDES[step % 2]
        texts = self.texts[side]
        chosen = [texts.ids(n) for n in texts.batch(step // 2, self.group.batch_sequences, self.seed)[mine]]
        batches = [
            encoder_batch("entities", part, [tags_of(ids, side, self.vocabulary) for ids in part], self.marks)
            for part in parts(chosen, self.group.micro_batch)
        ]
        return Work(f"entities of {side}", batches)


def tags_of(ids: Sequence[int], side: Side, vocabulary: Vocabulary) -> list[int]:
    """The place in TAGS of each token, by the smallest node of the syntax tree that it begins in; IGNORED for the
    text's marks."""
    words = [vocabulary.decode([identity]) for identity in ids[1:-1]]
    text = "".join(words)
    leaves = _leaves(text, side)
    starts = [start for start, _ in leaves]
    tags, place = [IGNORED], 0
    for word in words:
        begin = place + len(word) - len(word.lstrip())
        at = bisect_right(starts, begin) - 1
        tags.append(TAGS.index(leaves[at][1]) if at >= 0 else IGNORED)
        place += len(word)
    return [*tags, IGNORED]


def _leaves(text: str, side: Side) -> list[tuple[int, Tag]]:
    """(where it begins, its tag) of each leaf of the tree, in order. Characters are counted, so none may be of more
    bytes than one."""
    root = parse("cuda" if side == "cuda" else "c++", text.encode("ascii", "replace")).root_node
    return sorted(
        (node.start_byte, _tag(node)) for node in walk(root) if not node.child_count and node.end_byte > node.start_byte
    )


def _tag(node: Node) -> Tag:
    kind, parent = node.type, node.parent
    if kind == "identifier" and parent is not None and parent.type in _CALLS:
        return "function"
    if kind in _OF_NODE:
        return _OF_NODE[kind]
    if kind == "ERROR" or node.is_missing:
        return "error"
    if kind.startswith("#") or kind.startswith("preproc"):
        return "directive"
    if kind.startswith(_STRINGS) or kind in ('"', "'"):
        return "string"
    if kind.replace("_", "").isalpha():
        return "keyword"
    return "punctuation" if kind in "()[]{};,::" else "operator"
