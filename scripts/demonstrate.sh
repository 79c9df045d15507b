#!/usr/bin/env bash
# The demonstration that the loop learns, from nothing, on two CPU cores: corpora, pretraining, the loop, the report.
# Every stage is kept in build/tiny; run it again, and it goes on where it was stopped. With --ablation the run without
# a filter follows. What is known of such runs: docs/learning.md.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
out=build/tiny

corpus() { # NAME COUNT LANGUAGE FAMILIES SEED
    [ -e "$out/$1/part-00000.parquet" ] || musl data synth "$2" --language "$3" --family "$4" --seed "$5" -o "$out/$1"
}

corpus c            20000 c    short      11
corpus cuda         20000 cuda short      12
corpus seed-c        2000 c    short-seed 13
corpus unpaired-c    4000 c    short      14
corpus unpaired-cuda 4000 cuda short      15
corpus held-out       400 c    short      16
[ -e "$out/tokenizer/tokenizer.json" ] || musl data tokenizer "$out/c" "$out/cuda" --tokompiler --lexical -o "$out/tokenizer"

musl pretrain configs/tiny-loop-pretrain.yaml
musl loop configs/tiny.yaml
if [ "${1:-}" = --ablation ]; then
    musl loop configs/tiny-no-filter.yaml
    musl report "$out/loop" "$out/no-filter" -o "$out/loop.html"
else
    musl report "$out/loop" -o "$out/loop.html"
fi
