#!/usr/bin/env bash
# Runs on a machine with a CUDA device what needs one: the tests marked gpu, and, where MUSL_SHARED_DATA names the folder of
# the published benchmarks, the development cases on the emulator and on the GPU, side by side. Prints what was found there.
# usage: scripts/gpu_check.sh [pytest options]
#   PYTHON    the interpreter (default .venv/bin/python, else python3). What it lacks of PyCUDA can be carried along as wheels:
#             scripts/build_pycuda_wheel.sh makes one; `pip install --target DIR WHEELS` and PYTHONPATH=DIR make it seen.
#   OUT       folder for the verdicts (default: a new one)
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
[ -x "$(command -v "$python")" ] || python=python3
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}

"$python" - <<'PY'
import importlib.metadata
import platform
import subprocess
from pathlib import Path

from compile.gpu.device import find_gpu, why_no_gpu
from compile.gpu.plan import find_sanitizer, why_no_worker
from compile.sandbox import why_unavailable
from compile.toolchain import find_nvcc

nvcc = find_nvcc()
driver = Path("/proc/driver/nvidia/version")
pycuda = why_no_worker() or f"PyCUDA {importlib.metadata.version('pycuda')}"
commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
print("machine:   ", platform.platform(), "Python", platform.python_version())
print("commit:    ", commit or "unknown (not a checkout)")
print("gpu:       ", find_gpu() or why_no_gpu())
print("driver:    ", driver.read_text().splitlines()[0] if driver.is_file() else "unknown")
print("nvcc:      ", f"{nvcc.version} ({nvcc.path})" if nvcc else "not found")
print("pycuda:    ", pycuda)
print("sanitizer: ", find_sanitizer() or "compute-sanitizer was not found")
print("sandbox:   ", why_unavailable() or "bubblewrap works")
PY

tests=0
"$python" -m pytest -m gpu -rs "$@" || tests=$?

# ---- the agreement of emulator and GPU over the development cases
cases=${MUSL_SHARED_DATA:+$MUSL_SHARED_DATA/babeltower/unit_tests.dev.jsonl}
[ -n "$cases" ] || { echo "agreement:  not measured (MUSL_SHARED_DATA is not set)"; exit "$tests"; }
out=${OUT:-$(mktemp -d)}
for device in emulator gpu; do
    "$python" -c "from musl.cli import main; main()" verify "$cases" --device "$device" \
        --out "$out/verdicts.$device.jsonl" || [ $? -eq 3 ]  # 3: some pairs are not equivalent
done
"$python" - "$out" <<'PY'
import json
import sys
from collections import Counter
from pathlib import Path

folder = Path(sys.argv[1])
emulator, gpu = (
    {line["id"]: line for line in map(json.loads, (folder / f"verdicts.{device}.jsonl").read_text().splitlines())}
    for device in ("emulator", "gpu")
)
assert emulator.keys() == gpu.keys(), "the two runs judged other cases"
differ = [case for case in emulator if emulator[case]["verdict"] != gpu[case]["verdict"]]
print("emulator:  ", dict(Counter(line["verdict"] for line in emulator.values())))
print("gpu:       ", dict(Counter(line["verdict"] for line in gpu.values())))
print(f"agreement:  {len(emulator) - len(differ)} of {len(emulator)} cases (verdicts in {folder})")
for case in differ:
    print(f"  case {case}: emulator {emulator[case]['verdict']}, gpu {gpu[case]['verdict']}")
PY
exit "$tests"
