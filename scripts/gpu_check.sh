#!/usr/bin/env bash
# Runs the tests that need a CUDA device, on a machine that has one, and prints what was found there.
# usage: scripts/gpu_check.sh [pytest options]      (PYTHON: the interpreter, default .venv/bin/python, else python3)
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
[ -x "$(command -v "$python")" ] || python=python3
"$python" - <<'PY'
from compile.gpu import find_gpu, why_no_gpu
from compile.sandbox import why_unavailable
from compile.toolchain import find_nvcc

nvcc = find_nvcc()
print("gpu:     ", find_gpu() or why_no_gpu())
print("nvcc:    ", f"{nvcc.version} ({nvcc.path})" if nvcc else "not found")
print("sandbox: ", why_unavailable() or "bubblewrap works")
PY
exec "$python" -m pytest -m gpu -rs "$@"
