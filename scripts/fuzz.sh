#!/usr/bin/env bash
# Fuzzes each target of the core and of the collector for as long as is said, 1 minute each by default. What fails is kept
# in the package's testdata/fuzz, and is a test from then on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

length=${1:-1m}
fuzz() { # MODULE PACKAGES
    local package target
    for package in $(go list -C "$1" "$2"); do
        for target in $(go test -C "$1" -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
            printf '\n== %s %s\n' "$package" "$target"
            go test -C "$1" -run '^$' -fuzz "^$target\$" -fuzztime "$length" "$package"
        done
    done
}
fuzz . ./internal/...
fuzz collector ./...
