#!/usr/bin/env bash
# What the library weighs, beside the same core built without the stand-ins of third_party. Called by ./build.sh size.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

weigh() { printf '%-44s %10d bytes %9d gzipped\n' "$1" "$(stat -c %s "$2")" "$(gzip -9c "$2" | wc -c)"; }

weigh "librunspan-core.so" build/lib/librunspan-core.so
weigh "librunspan-core.so without stand-ins" build/whole/librunspan-core.so
weigh "librunspan.so" build/lib/librunspan.so
