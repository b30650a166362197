#!/usr/bin/env bash
# The linters of all languages here. Silent but for what they find.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

printf '\n== Go\n'
unformatted=$(gofmt -l bench capi collector internal scripts tests third_party)
if [ -n "$unformatted" ]; then
    echo "not gofmt-ed: $unformatted"
    exit 1
fi
# With the flags of the tests and of the wheels, so that go finds what it has compiled for those.
go vet -race -tags runspan_testhooks ./capi/core ./internal/contract
# shellcheck source=capi/guest/flags.sh
source capi/guest/flags.sh
for os in darwin windows; do # what is Linux's has a counterpart
    CGO_ENABLED=0 GOOS=$os go vet -trimpath -tags "${GUEST_TAGS/,netgo/}" "${GUEST_GCFLAGS[@]}" ./internal/... ./capi/serve
done
# compile TARGET SOURCE...: with all warnings. zig leaves a file beside /dev/null.
compile() {
    local source
    for source in "${@:2}"; do
        build/venv/build/bin/python -m ziglang cc -target "$1" -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wconversion -Werror \
            -Iinclude -c "$source" -o build/obj/lint.o
    done
}
mkdir -p build/obj
compile aarch64-macos."$(sed -n 's/^MACOS=\([0-9.]*\).*/\1/p' build.sh)" capi/front/{,posix/,macos/}*.c
compile x86_64-windows-gnu capi/front/{,windows/}*.c
scripts/vulnerabilities.sh
GOBIN=$PWD/build/bin go install honnef.co/go/tools/cmd/staticcheck@v0.8.2
for module in . collector; do
    (cd "$module" && go vet -race ./... && GOFLAGS=-race "$OLDPWD/build/bin/staticcheck" ./...)
done

printf '\n== Python\n'
build/venv/dev/bin/ruff check .
build/venv/dev/bin/ruff format --check .
build/venv/dev/bin/mypy --strict --python-version 3.10 python/src scripts bench tests/bench tests/guest/hosts tests/platforms/hosts tests/wine/hosts tests/python tests/stripepy python/tests tests/data contrib \
    tests/packagers packaging/conda collector/runspan_collector collector/scale-out/capacity.py tests/collector

printf '\n== shell\n'
build/venv/dev/bin/shellcheck -x build.sh .ci/run scripts/*.sh packaging/*/*.sh capi/guest/*.sh tests/stripepy/*.sh tests/sanitize/*.sh collector/vega/*.sh tests/collector/scale_out/kafka/*.sh
build/venv/dev/bin/shellcheck collector/systemd/{encrypted-volume,install}

printf '\n== versions and workflows\n'
scripts/version.sh >/dev/null
go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 -shellcheck build/venv/dev/bin/shellcheck -pyflakes= .github/workflows/*.yml

printf '\n== schemas\n'
for schema in schemas/*.json examples/*/*.json; do
    case $schema in
    schemas/derived.json) ;; # the derived fields
    *.schema.json) build/venv/dev/bin/check-jsonschema --check-metaschema "$schema" ;;
    *) build/venv/dev/bin/check-jsonschema --schemafile schemas/runspan.schema.json "$schema" ;;
    esac
done
