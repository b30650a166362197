#!/usr/bin/env bash
# Writes to standard output the licences of what is in the core and the front, each text once: licenses.sh CORE PLATFORM.
set -euo pipefail
core=$(realpath "$1")
platform=$2
cd "$(dirname "${BASH_SOURCE[0]}")/.."

order=()         # of the checksums of texts
declare -A users # of a text, by its checksum
declare -A texts

add() { # NAME FOLDER
    local text sum
    text=$(find -H "$2" -maxdepth 1 -type f \( -iname 'LICENSE*' -o -iname 'NOTICE*' -o -name COPYING \) | sort | xargs -r cat)
    [ -n "$text" ] || { echo "licenses.sh: $1 has no licence" >&2; return 1; }
    sum=$(cksum <<<"$text")
    [ -n "${texts[$sum]:-}" ] || order+=("$sum")
    users[$sum]+="$1"$'\n'
    texts[$sum]=$text
}

add "Go $(go env GOVERSION)" "$(go env GOROOT)"
for module in $(go version -m "$core" | awk '$1 == "dep" { print $2 }'); do
    [ "$(go list -m -f '{{if .Replace}}replaced{{end}}' "$module")" = "" ] || continue # a stand-in, of this project
    folder=vendor/$module # in a source distribution
    [ -d "$folder" ] || folder=$(go list -m -f '{{.Dir}}' "$module")
    add "$(go list -m "$module")" "$folder"
done
zig=$(dirname "${RUNSPAN_ZIG:-$(echo build/venv/build/lib/python3*/site-packages/ziglang/zig)}")
[ "${RUNSPAN_TOOLCHAIN:-zig}" = system ] || add "zig $("$zig/zig" version), its compiler's runtime" "$zig"
[[ $platform != *-windows ]] || add "mingw-w64, of which the library has start-up code" "$zig/lib/libc/mingw"
echo "$(basename "$core") contains these, under the licences that follow them."
for sum in "${order[@]}"; do
    printf '\n====\n%s\n%s\n' "${users[$sum]}" "${texts[$sum]}"
done
