"""Which precision a training computes in here: what its config asks for, where the processor has it."""

from __future__ import annotations

import functools
import logging

import torch

from models.run_config import Precision

LOG = logging.getLogger(__name__)


def computes_in(asked: Precision) -> Precision:
    """`asked`; but float32 for bf16 on a processor without instructions for it, where PyTorch's bf16 is right and a
    hundred times slower (measured by hand: 1.1 instead of 165 GFLOP/s on two cores of an AMD EPYC of 2021, torch 2.13).
    That is said once."""
    if asked == "bf16" and not bf16_is_fast_here():
        _say_so()
        return "float32"
    return asked


def bits_of(asked: Precision) -> int:
    """Bits of the numbers that a training which asks for `asked` multiplies here: 16 or 32. Results hold them."""
    return 16 if computes_in(asked) == "bf16" else 32


def bf16_is_fast_here() -> bool:
    """Whether there is a GPU, or oneDNN, which multiplies PyTorch's matrices on CPUs, takes bf16: on x86 from AVX-512
    on."""
    if torch.cuda.is_available():
        return True
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@functools.cache
def _say_so() -> None:
    LOG.warning("precision: bf16 has no fast instructions on this processor; computing in float32")
