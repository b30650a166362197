#!/usr/bin/env bash
# What ./build.sh bench runs, after it has built all of it:
#
#     scripts/bench.sh [--quick] [SUBJECT...]
#
# A full run writes docs/evidence/bench and docs/benchmarks.md, a quick one build/bench/quick.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=docs/evidence/bench page=docs/benchmarks.md
if [ "${1:-}" = --quick ]; then
    folder=build/bench/quick page=build/bench/quick/benchmarks.md
fi
# The interpreter itself, for what stands before it on PATH may be slow.
build/venv/patched/bin/python bench/run.py --to "$folder" "$@"
build/venv/charts/bin/python bench/charts.py "$folder"
build/venv/patched/bin/python bench/report.py "$folder" "$page"
sed -n '/^## Bars/,/^## /p' "$page" | sed '$d'
echo "the rest is in $page"
