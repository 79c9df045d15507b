"""The codes of model Translators: MUSL200-219, one for each way in which an answer is no translation."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "no_answer",
    "no_code",
    "cut_off",
    "syntax",
    "no_function",
    "several_functions",
    "other_parameters",
    "dynamic_shared",
    "unknown_launch",
]

CODE_OF: dict[Kind, str] = {
    "no_answer": "MUSL201",
    "no_code": "MUSL202",
    "cut_off": "MUSL203",
    "syntax": "MUSL204",
    "no_function": "MUSL205",
    "several_functions": "MUSL206",
    "other_parameters": "MUSL207",
    "dynamic_shared": "MUSL208",
    "unknown_launch": "MUSL209",
}

NEURAL_CODES: dict[str, str] = {
    "MUSL201": "the model gave no answer (its prompt is too long, or the server refused)",
    "MUSL202": "the model's answer holds no code",
    "MUSL203": "the model's answer was cut off at the limit of its length",
    "MUSL204": "the model's code has brackets that do not match",
    "MUSL205": "the model's code defines no kernel (or, towards C, no function)",
    "MUSL206": "the model wrote several kernels, and which one stands for the function is not plain",
    "MUSL207": "the model's function takes other parameters than the source's",
    "MUSL208": "the model's kernel needs dynamic shared memory, whose size only its own launch would tell",
    "MUSL209": "how many threads the model's kernel needs cannot be found",
}
