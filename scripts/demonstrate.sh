#!/usr/bin/env bash
# The demonstration that the loop learns, from nothing: corpora, pretraining, the loop, the report.
# Every stage is kept in build/; run it again, and it goes on where it was stopped. What is known of such runs:
# docs/learning.md.
# usage: scripts/demonstrate.sh [[tiny|brief] [--ablation] | small]
#   tiny         3.5 M parameters, two CPU cores (the default)
#   brief        the same with less pretraining and two rounds, for CPUs without fast instructions for bf16
#   small        115 M parameters, one GPU
#   --ablation   the run without a filter follows
#   PYTHON       the interpreter (default .venv/bin/python)
set -euo pipefail
cd "$(dirname "$0")/.."
size=tiny
case "${1:-}" in tiny | brief | small) size=$1 && shift ;; esac
case "$size $*" in
"$size " | "tiny --ablation" | "brief --ablation") ;;
*)
    sed -n 's/^# usage/usage/p' scripts/demonstrate.sh >&2
    exit 2
    ;;
esac
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}

musl() { "${PYTHON:-.venv/bin/python}" -c 'from musl.cli import main; main()' "$@"; }

corpus() { # NAME COUNT LANGUAGE FAMILIES SEED
    [ -e "build/tiny/$1/part-00000.parquet" ] ||
        musl data synth "$2" --language "$3" --family "$4" --seed "$5" -o "build/tiny/$1"
}

corpus c            20000 c    short      11
corpus cuda         20000 cuda short      12
corpus seed-c        2000 c    short-seed 13
corpus unpaired-c    4000 c    short      14
corpus unpaired-cuda 4000 cuda short      15
corpus held-out       400 c    short      16
[ -e build/tiny/tokenizer/tokenizer.json ] ||
    musl data tokenizer build/tiny/c build/tiny/cuda --tokompiler --lexical -o build/tiny/tokenizer

musl pretrain "configs/$size-loop-pretrain.yaml"
musl loop "configs/$size.yaml"
runs=("build/$size/loop")
if [ "${1:-}" = --ablation ]; then
    musl loop "configs/$size-no-filter.yaml"
    runs+=("build/$size/no-filter")
fi
musl report "${runs[@]}" -o "build/$size/loop.html"
