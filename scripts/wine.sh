#!/usr/bin/env bash
# Fetches what tests/wine runs programs for Windows with, into build/wine/: Wine 10 of Debian 13, with Debian 13's glibc, and
# CPython for Windows. build/wine/wine runs a program. It needs no root and no display, and installs nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
at=$PWD/build/wine
root=$at/debian/root
dlls=$root/usr/lib/x86_64-linux-gnu/wine/x86_64-windows

# Without the libraries for sound, video and printers that Debian's package asks for. GnuTLS does Windows's cryptography.
packages=(wine64 libwine libz-mingw-w64 libc6 libgcc-s1 libunwind8 liblzma5
    libgnutls30t64 libnettle8t64 libhogweed6t64 libgmp10 libidn2-0 libunistring5 libp11-kit0 libtasn1-6 libffi8)

wine() {
    scripts/debian.sh download "$at/debian" trixie amd64 "${packages[@]}"
    echo "== Wine's folder C:"
    rm -rf "$at/prefix" "$root"/usr/lib/x86_64-linux-gnu/wine/i386-windows
    for program in wine64 wineserver64; do
        scripts/with_libc.sh "$root" "$root/usr/lib/wine/$program"
    done
    ln -sf wineserver64 "$root/usr/lib/wine/wineserver" # in place of a script that looks in /usr
    ln -sfn . "$root/usr/share/wine/wine"               # where it looks from its own folder
    cp "$root/usr/x86_64-w64-mingw32/lib/zlib1.dll" "$dlls/"
    mkdir -p "$at/home"
    HOME=$at/home "$at/wine" wineboot --init >/dev/null 2>&1 || true # it misses the folder for 32 bits
    WINEPREFIX=$at/prefix "$root/usr/lib/wine/wineserver" -w
    [ -e "$at/prefix/system.reg" ] || { echo "wine.sh: Wine can't make its folder C:" >&2; exit 1; }
    cp "$dlls/zlib1.dll" "$at/prefix/drive_c/windows/system32/"
    # Wine has copied its libraries, which have 700 MB: links do.
    for file in "$at"/prefix/drive_c/windows/system32/*; do
        ! cmp -s "$file" "$dlls/${file##*/}" || ln -f "$dlls/${file##*/}" "$file"
    done
}

mkdir -p "$at"
cat >"$at/wine.new" <<END_OF_SCRIPT
#!/bin/sh
# wine PROGRAM ARGUMENT...
unset DISPLAY
export WINEPREFIX="\${WINEPREFIX:-$at/prefix}" WINEDEBUG="\${WINEDEBUG:--all}" WINEDLLOVERRIDES="mscoree,mshtml,winemenubuilder.exe="
exec "$root/usr/lib/wine/wine64" "\$@"
END_OF_SCRIPT
chmod +x "$at/wine.new"
mv "$at/wine.new" "$at/wine"

stamp=$(cksum scripts/wine.sh)
if [ "$(cat "$at/stamp" 2>/dev/null)" != "$stamp" ]; then
    wine
    echo "$stamp" >"$at/stamp"
fi
scripts/cpython.sh "$at" 3.12.1-1.5.10 windows-x86_64 e69bc4491c311e19ea7169bafc5efbbe03b980d69c6962b049daf1fcb4913391
scripts/cpython.sh "$at" 3.13.5-1.5.12 windows-x86_64 cfe5502ffa7ea369be707b6d88bf68344732a7800450665080fb4267c01bfeae
scripts/cpython.sh "$at" 3.14.3-1.5.13 windows-x86_64 3291bf3d8f405335ac21dbe55780521fdfd295b0f9f43f7e6e8c55bedd709cb3
