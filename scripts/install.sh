#!/usr/bin/env bash
# Installs what ./build.sh build has made: install.sh PREFIX. Nothing in it knows where it is: it may be moved.
set -euo pipefail
prefix=$1
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=$(sed -n 's/^#define RUNSPAN_VERSION "\(.*\)"/\1/p' include/runspan.h)
mkdir -p "$prefix"/include "$prefix"/lib/pkgconfig "$prefix"/lib/cmake/runspan
install -m 644 include/runspan.h include/runspan.hpp "$prefix/include/"
install -m 755 build/lib/librunspan.so.0 build/lib/librunspan-core.so build/lib/runspan-core "$prefix/lib/"
install -m 644 build/lib/librunspan.a "$prefix/lib/"
ln -sf librunspan.so.0 "$prefix/lib/librunspan.so"
install -m 644 cmake/runspan-config.cmake cmake/runspan-functions.cmake "$prefix/lib/cmake/runspan/"
mkdir -p "$prefix/share/doc/runspan"
install -m 644 LICENSE build/lib/THIRD_PARTY_LICENSES "$prefix/share/doc/runspan/"
sed "s/@VERSION@/$version/" cmake/runspan.pc >"$prefix/lib/pkgconfig/runspan.pc"
sed "s/@VERSION@/$version/" cmake/runspan-config-version.cmake >"$prefix/lib/cmake/runspan/runspan-config-version.cmake"
find "$prefix" -name '*runspan*' -type f | sort
