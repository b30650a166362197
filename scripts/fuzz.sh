#!/usr/bin/env bash
# Fuzzes each target of the core for as long as is said, 1 minute each by default. What fails is kept in the package's
# testdata/fuzz, and is a test from then on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

length=${1:-1m}
for package in $(go list ./internal/...); do
    for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
        printf '\n== %s %s\n' "$package" "$target"
        go test -run '^$' -fuzz "^$target\$" -fuzztime "$length" "$package"
    done
done
