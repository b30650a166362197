#!/usr/bin/env bash
# Builds a wheel again, from this commit, in a folder and with caches of its own, and compares all bytes: verify.sh WHEEL.
# docs/platforms.md says which tools it takes.
set -euo pipefail
given=$(realpath "${1:?which wheel?}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case $given in
*any.whl) platform=any ;;
*x86_64.whl) platform=x86_64 ;;
*aarch64.whl) platform=aarch64 ;;
*) echo "verify.sh: $given is no wheel of runspan's" >&2 && exit 2 ;;
esac
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
[ -z "$(git status --porcelain)" ] || echo "verify.sh: what is not committed here is not looked at" >&2
git clone -q . "$folder/runspan"
GOCACHE=$folder/cache "$folder/runspan/build.sh" wheels "$platform" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
built=$(echo "$folder"/runspan/build/wheels/*.whl)
sha256sum "$given" "$built"
[ "$(basename "$built")" = "$(basename "$given")" ] && cmp "$given" "$built" && echo "the same" && exit
echo "verify.sh: they differ, in these files:" >&2
"${PYTHON:-python3}" - "$given" "$built" <<'END' >&2
import sys, zipfile
given, built = ({m.filename: m.CRC for m in zipfile.ZipFile(path).infolist()} for path in sys.argv[1:])
differ = sorted(name for name in given.keys() | built.keys() if given.get(name) != built.get(name))
print("\n".join(differ) or "none: only in their times, or how they are packed")
END
exit 1
