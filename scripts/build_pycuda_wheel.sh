#!/usr/bin/env bash
# Builds a wheel of PyCUDA on a machine that need not have a GPU or NVIDIA's driver, for one that has them but reaches no
# package index, or has no compiler. Takes about three minutes on two cores.
# usage: scripts/build_pycuda_wheel.sh PYTHON OUT_DIR    (PYTHON: of the version that the GPU machine has, as python3.12)
# Needs g++ and CUDA's headers (CUDA_ROOT, default /usr/local/cuda). cuRAND comes from its wheel; the driver's library is
# an empty stand-in for the linker, and the machine's own when it runs. PYCUDA_VERSION: default as in constraints.txt.
set -euo pipefail
python=${1:?the interpreter, for example python3.12} out=$(realpath -m "${2:?the folder for the wheel}")
constraints=$(realpath "$(dirname "$0")/../constraints.txt")
version=${PYCUDA_VERSION:-$(sed -n 's/^pycuda==//p' "$constraints")}
export CUDA_ROOT=${CUDA_ROOT:-/usr/local/cuda}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" -q install -c "$constraints" nvidia-curand numpy wheel setuptools
header=$(find "$work/venv" -name curand.h | head -n 1)
library=$(find "$work/venv" -name 'libcurand.so*' | head -n 1)
mkdir "$work/stub"
ln -s "$library" "$work/stub/libcurand.so"
echo 'void cuInit(void) {}' > "$work/stub/cuda.c"
gcc -shared -fPIC -Wl,-soname,libcuda.so.1 "$work/stub/cuda.c" -o "$work/stub/libcuda.so"
PATH=$CUDA_ROOT/bin:$PATH CPATH=$(dirname "$header") LIBRARY_PATH=$work/stub \
    "$work/venv/bin/pip" wheel -q --no-deps "pycuda==$version" -w "$out"
ls "$out"/pycuda-*.whl
