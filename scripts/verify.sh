#!/usr/bin/env bash
# Builds wheels again, from this commit, in a folder and with caches of its own, and compares all bytes: verify.sh WHEEL...
# Each is a file, or the name of a platform, for the one in build/wheels; by default all there. docs/platforms.md says which
# tools it takes.
set -euo pipefail
table=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../python/platforms.txt")
[ $# -gt 0 ] || set -- "$(dirname "$table")"/../build/wheels/*.whl
given=()
platforms=()
for wheel; do
    tag=$(awk -v name="$wheel" '$1 == name { print $2 }' "$table")
    [ -z "$tag" ] || wheel=$(echo "$(dirname "$table")"/../build/wheels/*-none-"$tag.whl")
    tag=${wheel%.whl}
    platform=$(awk -v tag="${tag##*-none-}" '$2 == tag { print $1 }' "$table")
    if [ -z "$platform" ] || [ ! -e "$wheel" ]; then
        echo "verify.sh: $wheel is no wheel of runspan's" >&2
        exit 2
    fi
    given+=("$(realpath "$wheel")")
    platforms+=("$platform")
done
cd "$(dirname "$table")/.."
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
[ -z "$(git status --porcelain)" ] || echo "verify.sh: what is not committed here is not looked at" >&2
git clone -q . "$folder/runspan"
GOCACHE=$folder/cache "$folder/runspan/build.sh" wheels "${platforms[@]}" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }

differ=0
for wheel in "${given[@]}"; do
    built=$folder/runspan/build/wheels/$(basename "$wheel")
    sha256sum "$wheel" "$built"
    cmp "$wheel" "$built" && echo "the same" && continue
    differ=1
    echo "verify.sh: they differ, in these files:" >&2
    "${PYTHON:-python3}" - "$wheel" "$built" <<'END' >&2
import sys, zipfile
given, built = ({m.filename: m.CRC for m in zipfile.ZipFile(path).infolist()} for path in sys.argv[1:])
differ = sorted(name for name in given.keys() | built.keys() if given.get(name) != built.get(name))
print("\n".join(differ) or "none: only in their times, or how they are packed")
END
done
exit "$differ"
