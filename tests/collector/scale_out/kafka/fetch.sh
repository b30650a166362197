#!/usr/bin/env bash
# Fetches Apache Kafka's jars for tests/collector/scale_out/kafka into build/kafka, as its pom.xml names them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../../.."

sum=137d12b8c9e2f3eacb61ef0e431265aaacbf55ca12ae60d1b57146b0d01605ea # of all jars' checksums
dir=build/kafka
[ -d "$dir/lib" ] && cmp -s tests/collector/scale_out/kafka/pom.xml "$dir/pom.xml" && exit 0
for tool in java mvn; do
    command -v "$tool" >/dev/null || { echo "fetch.sh: $tool is needed for the tests' broker" >&2; exit 1; }
done

rm -rf "$dir"
mvn -B -q -Dstyle.color=never -Dmaven.repo.local="$PWD/build/maven" -f tests/collector/scale_out/kafka/pom.xml \
    dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$PWD/$dir/new"
[ "$(export LC_ALL=C && cd "$dir/new" && sha256sum -- *.jar | sha256sum)" = "$sum  -" ] || { echo "fetch.sh: the jars are not those that are known" >&2; exit 1; }
mv "$dir/new" "$dir/lib"
cp tests/collector/scale_out/kafka/pom.xml "$dir/pom.xml"
