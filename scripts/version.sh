#!/usr/bin/env bash
# The version, which include/runspan.h has. version.sh [VERSION]: fails where another place has another one, or where it is not
# VERSION. version.sh --set VERSION writes it into all places.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
header=include/runspan.h
places=( # each a file, and the text before the version
    "$header:#define RUNSPAN_VERSION \""
    "python/src/runspan/__init__.py:__version__ = \""
    "collector/pyproject.toml:version = \""
    "collector/builder.yaml:  version: \""
    "packaging/conda/recipe.yaml:  version: \""
    "packaging/conan/conanfile.py:    version = \""
)
found() { sed -nE "s/^${1#*:}([^\"]+)\".*/\1/p" "${1%%:*}"; }

if [ "${1:-}" = --set ]; then
    for place in "${places[@]}"; do
        sed -E -i "s/^(${place#*:})[^\"]+\"/\1${2:?which version?}\"/" "${place%%:*}"
    done
    shift
fi
version=$(found "$header:#define RUNSPAN_VERSION \"")
for place in "${places[@]}"; do
    [ "$(found "$place")" = "${1:-$version}" ] || { echo "version.sh: ${place%%:*} has $(found "$place"), not ${1:-$version}" >&2; exit 1; }
done
echo "$version"
