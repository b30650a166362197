#!/usr/bin/env bash
# Makes librunspan0 and librunspan-dev of what ./build.sh build has made: build.sh FOLDER. The same bytes each time.
set -euo pipefail
mkdir -p "$1"
folder=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=$(scripts/version.sh)-1
architecture=$(dpkg --print-architecture)
libdir=lib/$(uname -m)-linux-gnu
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts/install.sh "$work/librunspan-dev/usr" build/lib "$libdir" >"$work/files"
rm -r "$work/librunspan-dev/usr/share"
mkdir -p "$work/librunspan0/usr/$libdir"
(cd "$work/librunspan-dev/usr/$libdir" && mv librunspan.so.0 librunspan-core.so runspan-core "$work/librunspan0/usr/$libdir/")
chmod 644 "$work/librunspan0/usr/$libdir"/*.so*

# The licences, but for Apache's, which each Debian has.
copyright() {
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\n'
    printf 'Copyright: 2026 The runspan authors\nLicense: MIT AND Apache-2.0 AND BSD-3-Clause\n'
    { cat LICENSE; printf '\n'; cat build/lib/THIRD_PARTY_LICENSES; } |
        awk '/^ +Apache License$/ { print "The Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0."; left_out = 1 }
            /^====$/ { left_out = 0 }
            !left_out
            /limitations under the License\.$/ { left_out = 0 }' | # its last line; others may follow
        sed -E 's/^[[:space:]]*$/./; s/^/ /'
}

package() { # NAME SECTION DEPENDS SUMMARY DESCRIPTION
    local dir=$work/$1 docs=$work/$1/usr/share/doc/$1
    mkdir -p "$docs" "$dir/DEBIAN"
    copyright >"$docs/copyright"
    printf 'runspan (%s) unstable; urgency=medium\n\n  * CHANGELOG.md in the sources has what is new.\n\n -- The runspan authors <runspan@packages.invalid>  %s\n' \
        "$version" "$(date -uR -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$docs/changelog.Debian.gz"
    cat >"$dir/DEBIAN/control" <<END
Package: $1
Source: runspan
Version: $version
Section: $2
Priority: optional
Architecture: $architecture
Multi-Arch: same
Maintainer: The runspan authors <runspan@packages.invalid>
Depends: $3
Installed-Size: $(du -k -s --apparent-size "$dir/usr" | cut -f 1)
Description: $4
$5
END
    mkdir -p "$dir/usr/share/lintian/overrides"
    sed -n "s/^$1: /&/p" packaging/deb/lintian-overrides >"$dir/usr/share/lintian/overrides/$1"
    (cd "$dir" && find usr -type f | LC_ALL=C sort | xargs md5sum >DEBIAN/md5sums)
    chmod -R go=rX "$dir"
    dpkg-deb --root-owner-group -Zxz --build "$dir" "$folder/${1}_${version}_$architecture.deb"
}

text=' A library for authors of command-line tools. A run of a tool makes one
 OpenTelemetry span, with the fields that a schema names and no others. Users
 can see the span, and can switch the telemetry off.'
echo "librunspan 0 librunspan0 (>= ${version%-*})" >"$work/shlibs"
mkdir -p "$work/librunspan0/DEBIAN"
cp "$work/shlibs" "$work/librunspan0/DEBIAN/shlibs"
echo "activate-noawait ldconfig" >"$work/librunspan0/DEBIAN/triggers"
package librunspan0 libs 'libc6 (>= 2.17)' 'one span for each run of a command-line tool' "$text"
package librunspan-dev libdevel "librunspan0 (= $version)" 'one span for each run of a command-line tool - development' "$text
 .
 This package has the headers, the static library, and the files for CMake and
 pkg-config."
