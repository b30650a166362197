#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Build the wheel of StripePy 1.3.0 with the files and the patch of contrib/stripepy.
#
# usage: make_patched_wheel.sh OUTDIR
#
# PYTHON (python3 if not set) must have what requirements-sdist-build.txt names: a build in isolation would fetch build
# requirements that nothing pins.
set -euo pipefail

if [[ $# -ne 1 ]]; then
  echo "usage: ${0##*/} OUTDIR" >&2
  exit 2
fi

python=${PYTHON:-python3}
outdir=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ours=$(cd "$here/../../contrib/stripepy" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m pip download --quiet --no-deps --no-binary stripepy-hic --no-build-isolation \
  --require-hashes --requirement "$here/requirements-sdist.txt" --dest "$work"
tar -xzf "$work/stripepy_hic-1.3.0.tar.gz" -C "$work"
cp "$ours"/{telemetry.py,stripepy.json} "$work/stripepy_hic-1.3.0/src/stripepy/cli/"
# git, because who has this repository has it; the ceiling keeps it from taking a folder above for a repository.
GIT_CEILING_DIRECTORIES=$work git -C "$work/stripepy_hic-1.3.0" apply "$ours/stripepy-hic-1.3.0.patch"

# The version is the one that the sdist's PKG-INFO names: there is no git history to take it from.
"$python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$outdir" "$work/stripepy_hic-1.3.0"
