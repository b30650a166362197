#!/usr/bin/env bash
# Fetches what tests/languages needs and the system lacks, into build/: Ruby and Perl's FFI::Platypus from Debian's
# packages, koffi for Node, JNA for Java. Where that can't be done the tests say what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

jna="jna-5.19.1.jar"
sum=4fb141dd8ef6b0585ffceea4bc49602fbc6312fa977e2c488794ea3e6aafecae
dir=build/languages
mkdir -p "$dir"

debs=()
ruby -rfiddle -e1 2>/dev/null || debs+=(ruby)
perl -MFFI::Platypus=2.00 -e1 2>/dev/null || debs+=(libffi-platypus-perl)
scripts/debs.sh "${debs[@]}" || true

if command -v npm >/dev/null && ! cmp -s tests/languages/package-lock.json "$dir/node_modules/stamp"; then
    cp tests/languages/package.json tests/languages/package-lock.json "$dir/"
    npm ci --prefix "$dir" --cache "$dir/npm" --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel error
    cp "$dir/package-lock.json" "$dir/node_modules/stamp"
fi

if command -v mvn >/dev/null && [ ! -e "$dir/$jna" ]; then
    version=${jna#jna-}
    mvn -B -q -Dstyle.color=never -Dmaven.repo.local="$PWD/$dir/maven" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        -Dartifact="net.java.dev.jna:jna:${version%.jar}" -DoutputDirectory="$PWD/$dir/new"
    echo "$sum  $dir/new/$jna" | sha256sum -c --quiet
    mv "$dir/new/$jna" "$dir/"
fi
