#!/usr/bin/env bash
# Builds a CPython that is linked with musl, of Debian's sources, into build/platforms/musl: no registry that we reach has one.
# zig compiles it, Debian's musl runs it. It has the modules that runspan and its tests need, linked into the program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
at=$PWD/build/platforms/musl
work=$at/work
sums="2411c74bda5bbcfcddaf4531f66d1adc73f247f529aee981b029513aefdbf849  python3.11_3.11.2.orig.tar.gz
d66c56ad259a82cf2a9dfc408b32bf5da52371500b84745f7fb8b645712df676  libffi_3.4.4.orig.tar.gz"
stamp=$(cksum "${BASH_SOURCE[0]}") # its path, too: the program has the loader's

[ "$(cat "$at/stamp" 2>/dev/null)" != "$stamp $at" ] || exit 0
rm -rf "$at"
mkdir -p "$work" "$at"/{bin,lib}
scripts/debs.sh musl
cp build/debs/root/lib/ld-musl-x86_64.so.1 "$at/lib/ld-musl-x86_64.so.1"

scripts/debian.sh source "$work/sources" bookworm amd64 python3.11 libffi
(cd "$work/sources/root" && sha256sum -c --quiet <<<"$sums")
for sources in "$work"/sources/root/*.orig.tar.gz; do
    tar -xf "$sources" -C "$work"
done

tool() { # NAME ARGUMENT...
    printf '#!/bin/sh\nexec %s "$@"\n' "${*:2}" >"$work/$1"
    chmod +x "$work/$1"
}
zig=$(echo "$PWD"/build/venv/dev/lib/python3*/site-packages/ziglang/zig)
export ZIG_GLOBAL_CACHE_DIR=$PWD/build/cache/zig ZIG_LOCAL_CACHE_DIR=$PWD/build/cache/zig
tool cc "$zig" cc -target x86_64-linux-musl -dynamic -fno-sanitize=undefined -Wno-date-time "-Wl,--dynamic-linker,$at/lib/ld-musl-x86_64.so.1"
tool ar "$zig" ar
tool ranlib "$zig" ranlib
tools=(CC="$work/cc" AR="$work/ar" RANLIB="$work/ranlib")

echo "== libffi"
(
    cd "$work"/libffi-*
    ./configure -q --host=x86_64-linux-musl --prefix="$work/ffi" --disable-shared --disable-docs --disable-exec-static-tramp \
        --disable-multi-os-directory "${tools[@]}" CFLAGS="-O1 -fPIC"
    make -s -j2 install
) >"$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; exit 1; }

echo "== CPython 3.11 on musl"
(
    cd "$work"/Python-*
    PKG_CONFIG=false ./configure -q --prefix="$at" --without-ensurepip --disable-test-modules "${tools[@]}" OPT=-O1 \
        ac_cv_func_preadv2=no ac_cv_func_pwritev2=no # which zig's musl has, and an older one has not
    # Setup.stdlib is the list of those that configure has found usable.
    modules="array|_(bisect|contextvars|heapq|json|opcode|pickle|queue|random|struct|typing|statistics|datetime|posixsubprocess|socket|md5|sha1|sha256|sha512|sha3|blake2)"
    { echo '*static*'; grep -E "^($modules|math|binascii|fcntl|grp|mmap|resource|select|termios) " Modules/Setup.stdlib; } >Modules/Setup.local
    echo "_ctypes $(printf '_ctypes/%s.c ' _ctypes callbacks callproc stgdict cfield) -I$work/ffi/include -L$work/ffi/lib -lffi" >>Modules/Setup.local
    make -s -j2 python
    mkdir -p "$at/lib/python3.11/lib-dynload"
    cp python "$at/bin/python3.11"
    cp -r Lib/. "$at/lib/python3.11"
    rm -r "$at"/lib/python3.11/{test,idlelib,lib2to3}
) >"$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; exit 1; }
"$at/bin/python3.11" -c "import ctypes, json, socket, subprocess"
rm -rf "$work"
echo "$stamp $at" >"$at/stamp"
