#!/usr/bin/env bash
# Fetches a CPython out of Maven's org.bytedeco:cpython into DIR/cpython-3.N.N: cpython.sh DIR VERSION SYSTEM SUM
set -euo pipefail
dir=$1 version=$2 system=$3 sum=$4
at=$dir/cpython-${version%%-*} name=cpython-$version-$system.jar
[ "$(cat "$at/stamp" 2>/dev/null)" != "$sum" ] || exit 0
echo "== CPython $version for $system"
command -v mvn >/dev/null || { echo "cpython.sh: no mvn here to fetch CPython $version" >&2; exit 1; }
rm -rf "$dir/new" "$at"
mvn -B -q -Dstyle.color=never -Dmaven.repo.local="$dir/maven" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
    -Dartifact="org.bytedeco:cpython:$version:jar:$system" -DoutputDirectory="$dir/new"
echo "$sum  $dir/new/$name" | sha256sum -c --quiet
python3 -m zipfile -e "$dir/new/$name" "$dir/new/jar"
mv "$dir/new/jar/org/bytedeco/cpython/$system" "$at"
rm -rf "$dir/new"
echo "$sum" >"$at/stamp"
