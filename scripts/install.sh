#!/usr/bin/env bash
# Installs what ./build.sh build has made: install.sh PREFIX [LIBRARY]. Nothing in it knows where it is: it may be moved.
# LIBRARY is the folder with the library, build/lib if it is not given; build/cross has other platforms'.
set -euo pipefail
prefix=$1
library=${2:-build/lib}
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=$(sed -n 's/^#define RUNSPAN_VERSION "\(.*\)"/\1/p' include/runspan.h)
mkdir -p "$prefix"/include "$prefix"/lib/pkgconfig "$prefix"/lib/cmake/runspan
install -m 644 include/runspan.h include/runspan.hpp "$prefix/include/"
install -m 644 "$library"/librunspan*.a "$prefix/lib/"
for file in librunspan.so.0 librunspan-core.so librunspan.0.dylib runspan-core runspan-core.exe; do
    [ ! -e "$library/$file" ] || install -m 755 "$library/$file" "$prefix/lib/"
done
for file in librunspan.so librunspan.dylib; do
    [ ! -L "$library/$file" ] || cp -P "$library/$file" "$prefix/lib/"
done
if [ -e "$library/runspan.dll" ]; then # where Windows looks for it; it finds the program in ../lib
    mkdir -p "$prefix/bin"
    install -m 755 "$library/runspan.dll" "$prefix/bin/"
fi
install -m 644 cmake/runspan-config.cmake cmake/runspan-functions.cmake "$prefix/lib/cmake/runspan/"
mkdir -p "$prefix/share/doc/runspan"
install -m 644 LICENSE "$library/THIRD_PARTY_LICENSES" "$prefix/share/doc/runspan/"
sed "s/@VERSION@/$version/" cmake/runspan.pc >"$prefix/lib/pkgconfig/runspan.pc"
sed "s/@VERSION@/$version/" cmake/runspan-config-version.cmake >"$prefix/lib/cmake/runspan/runspan-config-version.cmake"
find "$prefix" -name '*runspan*' -type f | sort
