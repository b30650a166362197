#!/usr/bin/env bash
# Installs what ./build.sh build has made: install.sh PREFIX [LIBRARY [LIBDIR]]. Nothing in it knows where it is: it may be moved.
# LIBRARY is the folder with the library, build/lib if it is not given; build/cross has other platforms'. LIBDIR is a folder below
# the prefix, as distributions have it: lib64, or lib/x86_64-linux-gnu.
set -euo pipefail
prefix=$1
library=${2:-build/lib}
libdir=${3:-lib}
up=$(sed -E 's/[^/]+/../g' <<<"$libdir") # from there to the prefix
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=$(sed -n 's/^#define RUNSPAN_VERSION "\(.*\)"/\1/p' include/runspan.h)
mkdir -p "$prefix"/include "$prefix/$libdir"/pkgconfig "$prefix/$libdir"/cmake/runspan
install -m 644 include/runspan.h include/runspan.hpp "$prefix/include/"
install -m 644 "$library"/librunspan*.a "$prefix/$libdir/"
for file in librunspan.so.0 librunspan-core.so librunspan.0.dylib runspan-core runspan-core.exe; do
    [ ! -e "$library/$file" ] || install -m 755 "$library/$file" "$prefix/$libdir/"
done
for file in librunspan.so librunspan.dylib; do
    [ ! -L "$library/$file" ] || cp -P "$library/$file" "$prefix/$libdir/"
done
if [ -e "$library/runspan.dll" ]; then # where Windows looks for it; it finds the program in ../lib
    mkdir -p "$prefix/bin"
    install -m 755 "$library/runspan.dll" "$prefix/bin/"
fi
install -m 644 cmake/runspan-functions.cmake "$prefix/$libdir/cmake/runspan/"
mkdir -p "$prefix/share/doc/runspan"
install -m 644 LICENSE "$library/THIRD_PARTY_LICENSES" "$prefix/share/doc/runspan/"
fill() { sed "s|@VERSION@|$version|; s|@LIBDIR@|$libdir|; s|@UP@|$up|" "cmake/$1" >"$prefix/$libdir/$2"; }
fill runspan.pc pkgconfig/runspan.pc
fill runspan-config.cmake cmake/runspan/runspan-config.cmake
fill runspan-config-version.cmake cmake/runspan/runspan-config-version.cmake
find "$prefix" -name '*runspan*' -type f | sort
