"""Which parallel interfaces a text uses, as HPCorpus counts them (Kadosh et al., arXiv 2308.08002, table 2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

# Each interface by the forms of its use: words, and what has to stand around each. The words are looked for first, and
# every pattern begins with its word: that is a hundred times faster than one pattern of all, and most texts have none.
_USES: dict[str, tuple[tuple[str, str], ...]] = {
    "cuda": (
        ("__global__", r"\b"),
        ("__device__", r"\b"),
        ("<<<", r"[^;{}]*>>>"),
        ("cudaM", r"\w+\s*\("),
        ("cudaD", r"\w+\s*\("),
        ("cudaE", r"\w+\s*\("),
        ("cudaF", r"\w+\s*\("),
        ("cudaG", r"\w+\s*\("),
        ("cudaL", r"\w+\s*\("),
        ("cudaS", r"\w+\s*\("),
        ("cuda.h", r"[>\"]"),
        ("cuda_runtime", r"(?:_api)?\.h[>\"]"),
    ),
    "openmp": (("pragma omp", r"\b"), ("omp_", r"[a-z]\w+\s*\("), ("omp.h", r"[>\"]")),
    "mpi": (("MPI_", r"[A-Z]\w+\s*\("), ("mpi.h", r"[>\"]")),
    "openacc": (("pragma acc", r"\b"), ("openacc.h", r"[>\"]")),
    "opencl": (("clEnqueue", r"\w+\s*\("), ("clCreate", r"\w+\s*\("), ("__kernel", r"\b"), ("CL/cl", r"")),
    "tbb": (("tbb::", r"\w"), ("tbb/", r"\w+\.h")),
    "sycl": (("sycl::", r"\w"), ("sycl/", r"\w+\.hpp"), ("CL/sycl", r"")),
    "threads": (
        ("std::thread", r"\b"),
        ("std::jthread", r"\b"),
        ("std::async", r"\b"),
        ("pthread_create", r"\s*\("),
        ("<thread>", r""),
        ("<pthread.h>", r""),
    ),
}
APIS = tuple(_USES)
_Form: TypeAlias = tuple[str, re.Pattern[str]]


def _form(word: str, after: str) -> _Form:
    # In the middle of another word it is none: `comp_size(`.
    before = rf"(?<!\w{re.escape(word)})" if word[0].isalpha() else ""
    return word, re.compile(re.escape(word) + before + after)


_FORMS = {name: tuple(_form(word, after) for word, after in uses) for name, uses in _USES.items()}


def parallel_apis(text: str, among: Sequence[str] = APIS) -> tuple[str, ...]:
    """The names of the interfaces that the text uses, in the order of APIS; only those of `among` are looked for."""
    return tuple(name for name in among if any(word in text and form.search(text) for word, form in _FORMS[name]))
