"""Which parallel interfaces a text uses, as HPCorpus counts them (Kadosh et al., arXiv 2308.08002, table 2)."""

from __future__ import annotations

import re

# Each interface by words one of which every use has, and by the forms of its use. The words are looked for first:
# that is a hundred times faster, and most texts have none.
_USES: dict[str, tuple[tuple[str, ...], str]] = {
    "cuda": (
        ("__global__", "__device__", "<<<", "cuda_", "cuda.h", "cudaM", "cudaD", "cudaE", "cudaG", "cudaS", "cudaF"),
        r"__(?:global|device)__\b|<<<|cuda(?:[A-Z]\w+\s*\(|\.h\b|_\w+\.h\b)",
    ),
    "openmp": (("pragma omp", "omp_", "omp.h"), r"#\s*pragma\s+omp\b|\bomp_[a-z]\w+\s*\(|[<\"]omp\.h"),
    "mpi": (("MPI_", "mpi.h"), r"\bMPI_[A-Z]\w+\s*\(|[<\"]mpi\.h"),
    "openacc": (("pragma acc", "openacc.h"), r"#\s*pragma\s+acc\b|[<\"]openacc\.h"),
    "opencl": (
        ("__kernel", "CL/", "OpenCL/", "clEnqueue", "clCreate"),
        r"\bcl(?:Enqueue|Create)[A-Z]\w+\s*\(|\b__kernel\b|[<\"](?:CL|OpenCL)/",
    ),
    "tbb": (("tbb",), r"\btbb::|[<\"](?:one)?tbb/"),
    "sycl": (("sycl",), r"\bsycl::|[<\"](?:CL/sycl|sycl/)"),
    "threads": (
        ("std::", "pthread", "<thread>"),
        r"\bstd::(?:jthread|thread|async)\b|\bpthread_create\s*\(|<(?:thread|pthread\.h)>",
    ),
}
_PATTERNS = {name: (words, re.compile(pattern)) for name, (words, pattern) in _USES.items()}
APIS = tuple(_USES)


def parallel_apis(text: str) -> tuple[str, ...]:
    """The names of the interfaces that the text uses, in the order of APIS."""
    return tuple(
        name
        for name, (words, pattern) in _PATTERNS.items()
        if any(word in text for word in words) and pattern.search(text)
    )
