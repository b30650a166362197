#!/usr/bin/env bash
# All tests, after ./build.sh has built what they need. Prints the runners' own closing lines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What the caller's environment says of telemetry, proxies and certificates is not for the tests.
mapfile -t ambient < <(compgen -e | grep -iE "$(grep -v '^#' tests/ambient.txt | paste -sd '|')")
unset "${ambient[@]}"

# Some look at how long things take: one of these after the other, and nothing beside them.
timed=$(printf 'runspan/%s\n' internal/courier internal/spool tests/{c,collector/gateway,collector/scale_out/kafka,consent,faults,guest})
mapfile -t others < <(go list ./... | grep -vxF "$timed")

printf '\n== Go: the core under the race detector, Go and C hosts of the built library\n'
go test -race -count=1 -p 2 -timeout 25m "${others[@]}"
# shellcheck disable=SC2086  # they are several. Cases of one that may be tried together mostly sleep.
go test -race -count=1 -p 1 -parallel 8 -timeout 25m $timed

printf '\n== Go: what the collector has of ours\n'
go test -C collector -race -count=1 ./...

printf '\n== Python: the package, StripePy as published and patched\n'
# Two at a time: many wait for a program that they have started.
build/venv/dev/bin/python -m pytest -q -n 2 python/tests tests/python tests/stripepy

printf "\n== Python: the maintainers' store, dashboard and cluster\n"
build/venv/collector/bin/python -m pytest -q tests/collector/store
build/venv/collector/bin/python -m pytest -q tests/collector/dashboard
build/venv/collector/bin/python -m pytest -q tests/collector/scale_out/cluster # one process of chdb has one folder

printf "\n== Python: the maintainers' backup and running\n"
# Four at a time: most of them wait, for a timer, a restart, or restic's derivation of keys.
build/venv/dev/bin/python -m pytest -q -n 4 tests/collector/ops
