#!/usr/bin/env bash
# restic into build/collector/, from Debian: the Go module proxy has it up to 0.10 only, which knows no compression.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

want=0.14.0
have=$(build/collector/restic version 2>/dev/null | cut -d' ' -f2 || true)
[ "$have" != "$want" ] || exit 0
scripts/debs.sh "restic=$want-*"
mkdir -p build/collector
restic=build/debs/root/usr/bin/restic
[ -x "$restic" ] || restic=$(command -v restic) # debs.sh fetches nothing that the system has
cp "$restic" build/collector/restic
