#!/usr/bin/env bash
# Puts the library's sources into a folder, with the Go modules that they take, so that nothing has to be fetched: source.sh FOLDER.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$(realpath -m "$1")
rm -rf "$folder"
mkdir -p "$folder"
files=(LICENSE SECURITY.md CMakeLists.txt build.sh go.mod go.sum capi cmake include internal python/platforms.txt
    python/requirements-build.txt scripts/install.sh scripts/licenses.sh scripts/sbom.py third_party)
# Tests need modules that the library does not.
git ls-files -z -- "${files[@]}" | grep -zv '_test\.go$' | tar -c --null -T - | tar -x -C "$folder"
(cd "$folder" && go mod vendor)
