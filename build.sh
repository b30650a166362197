#!/usr/bin/env bash
# Every task of the project: ./build.sh help lists them. All output goes to build/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The compilers. What is shipped, and build/lib with it, so that the tests see what is shipped, is compiled by zig's clang for
# glibc 2.17, of 2012. With RUNSPAN_TOOLCHAIN=system CC does it, for the glibc that is here: for those who build for one
# machine, and without PyPI. CC compiles the tests' programs in either case, and CMake what CMake builds.
PYTHON=${PYTHON:-python3}
CC=${CC:-cc}
RUNSPAN_TOOLCHAIN=${RUNSPAN_TOOLCHAIN:-zig}
GLIBC=2.17
ARCHITECTURES=(x86_64 aarch64) # of the wheels that have a library
CFLAGS_STRICT=(-std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wconversion -Werror)
export CGO_ENABLED=1 PIP_DISABLE_PIP_VERSION_CHECK=1
export ZIG_GLOBAL_CACHE_DIR=$PWD/build/cache/zig ZIG_LOCAL_CACHE_DIR=$PWD/build/cache/zig

say() { printf '\n== %s\n' "$*"; }

help() { # list the tasks
    sed -n 's/^\([a-z]*\)() { # \(.*\)/  \1\t\2/p' build.sh | expand -t 14
}

build() { # the library (build/lib) and the test tools (build/bin)
    need_tools
    library "$(uname -m)" build/lib
    say "test tools"
    go build -o build/bin/receiver ./tests/cmd/receiver
}

install() { # install for C and C++: ./build.sh install --prefix DIR
    if [ "${1:-}" != --prefix ] || [ -z "${2:-}" ]; then
        echo "build.sh: install --prefix DIR" >&2
        exit 2
    fi
    build
    say install
    scripts/install.sh "$2"
}

wheel() { # the Python package for this platform (build/wheels)
    wheels "$(uname -m)"
}

wheels() { # the Python packages (build/wheels): ./build.sh wheels [x86_64] [aarch64] [any]; by default all
    local platform dir
    need_tools
    [ $# -gt 0 ] || set -- "${ARCHITECTURES[@]}" any
    rm -rf build/wheels
    for platform; do
        dir=build/cross/$platform
        case $platform in
        any) ;;
        "$(uname -m)") dir=build/lib && build ;;
        *) library "$platform" "$dir" ;;
        esac
        package "$platform" "$dir" build/wheels
    done
    venv dev tests/requirements.txt
    say wheels
    (cd build/wheels && sha256sum -- *.whl)
}

verify() { # build a wheel again from this commit, and compare: ./build.sh verify WHEEL
    scripts/verify.sh "$@"
}

demo() { # real StripePy on real data, reported through runspan
    wheel
    stripepy_venv patched
    say demo
    build/venv/patched/bin/python scripts/demo.py
}

test() { # all tests
    local compiling
    wheels
    say "collector, beside what has to be downloaded"
    collector >build/collector.log 2>&1 &
    compiling=$!
    stripepy_venv published
    stripepy_venv patched
    install_runspan dev
    store_side
    tests/collector/scale_out/kafka/fetch.sh
    scripts/debs.sh haproxy musl-dev
    scripts/restic.sh test
    say "interpreters and their packages"
    scripts/languages.sh
    scripts/platforms.sh
    valgrind --version >/dev/null 2>&1 || scripts/debs.sh valgrind libc6-dbg
    wait "$compiling" || { cat build/collector.log; exit 1; }
    core build/test/lib runspan_testhooks # the one that panics when told to
    scripts/test.sh
}

collector() { # the maintainers' collector (build/collector/otelcol)
    need_tools
    say collector
    mkdir -p build
    CGO_ENABLED=0 go run go.opentelemetry.io/collector/cmd/builder@v0.158.0 --config collector/builder.yaml
    chmod a+rx build/collector # which the builder makes for its owner alone; on a server, users of their own run what is in it
    venv scan tests/requirements-scan.txt
}

store() { # the tests of the maintainers' store
    need_tools
    collector_venv
    say store
    build/venv/collector/bin/python -m pytest -q tests/collector/store
}

dashboard() { # the maintainers' page (build/collector/static), and its tests
    need_tools
    collector_venv
    collector/vega/build.sh
    say dashboard
    build/venv/collector/bin/python -m pytest -q tests/collector/dashboard
}

kafka() { # the tests of the maintainers' side beyond one machine: Kafka, balancer, cluster
    collector
    tests/collector/scale_out/kafka/fetch.sh
    scripts/debs.sh haproxy
    collector_venv
    say kafka
    go test -count=1 ./tests/collector/scale_out/kafka
    build/venv/collector/bin/python -m pytest -q tests/collector/scale_out/cluster
}

ops() { # the tests of backup, serve, status and units (collector/docs/running.md)
    wheel
    stripepy_venv patched
    served
    scripts/restic.sh test
    in_place dev
    say ops
    build/venv/dev/bin/python -m pytest -q -n 4 tests/collector/ops
}

server() { # the units of collector/systemd, run by systemd in a container; needs root
    served
    venv dev tests/requirements.txt
    in_place dev
    say server
    build/venv/dev/bin/python -m tests.collector.ops.server
}

served() { # what serve, or a server, needs (build/collector, build/venv/collector)
    collector
    store_side
}

serve() { # the maintainers' side on this machine, until Ctrl-C
    served
    exec build/venv/collector/bin/runspan-serve "$@"
}

platforms() { # the wheels, where they will be used (build/platforms), with tests/guest on each; writes the table of docs/platforms.md; takes hours
    wheels
    scripts/platforms.sh
    say platforms
    go test -count=1 -timeout 8h -v ./tests/platforms -long -table "$PWD/docs/platforms.md" "$@"
}

fuzz() { # fuzz the core: ./build.sh fuzz [TIME OF EACH TARGET]
    scripts/fuzz.sh "$@"
}

lint() { # the linters of all languages here
    wheel
    install_runspan dev
    scripts/lint.sh
}

bench() { # runspan beside its peers, in turns: ./build.sh bench [--quick] [SUBJECT...]
    wheel
    stripepy_venv published
    stripepy_venv patched
    bench_tools
    say bench
    scripts/bench.sh "$@"
}

benchtest() { # the benchmark's own tests, which run it in short
    wheel
    stripepy_venv published
    stripepy_venv patched
    install_runspan dev
    bench_tools
    say "tests of the benchmark"
    build/venv/dev/bin/python -m pytest -q tests/bench
}

size() { # what the library weighs, and what the stand-ins for gRPC save
    build
    cp go.mod build/with-grpc.mod
    cp go.sum build/with-grpc.sum
    go mod edit -dropreplace=google.golang.org/grpc -dropreplace=github.com/grpc-ecosystem/grpc-gateway/v2 build/with-grpc.mod
    GOFLAGS="-mod=mod -modfile=build/with-grpc.mod" core build/with-grpc grpcnotrace
    scripts/size.sh
}

docs() { # write the generated tables of docs/ anew; takes some minutes
    "$PYTHON" scripts/docs.py docs/telemetry.md
    wheels
    stripepy_venv published
    stripepy_venv patched
    install_runspan dev
    build/venv/dev/bin/python scripts/platforms_page.py
    go test -count=1 -run 'TestFaults$' ./tests/faults -table "$PWD/docs/delivery.md"
    go test -count=1 -run 'TestCanaries$' ./tests/privacy -table "$PWD/docs/privacy.md"
    go test -count=1 -run 'TestGuest$|TestIdle$' ./tests/guest -idle 50 -table "$PWD/docs/guest.md"
}

abi() { # write abi/ anew for the version that is being made
    build
    go test -count=1 -run 'TestSurface$' ./tests/abi -update
}

clean() { # remove build/, unless reports or keys are in it
    local found
    ! served_now || { echo "build.sh: serve runs what is in build/: end it first" >&2; exit 1; }
    # What serve had made there, in an earlier version or because it was told to; through links too.
    found=$(find -H build build/* \( -name store.key -o -name restic.password -o -path '*/otlp/spans*.json' \) 2>/dev/null | sort -u || true)
    if [ -n "$found" ]; then
        printf 'build.sh: nothing is removed, for these are reports and keys:\n%s\nmove them away, or remove them yourself\n' "$found" >&2
        exit 1
    fi
    if [ ! -L build ]; then
        chmod -R u+w build 2>/dev/null || true
    fi
    rm -rf build
}

# use_go: the Go that go.mod names, whose lines the overlay knows. Whoever has another gets it from the module proxy, and
# through a link: go build refuses to replace files where modules are kept.
use_go() {
    local wanted
    wanted=$(sed -n 's/^toolchain //p' go.mod)
    if [ "$(GOTOOLCHAIN=local go env GOVERSION)" != "$wanted" ]; then
        mkdir -p build
        ln -sfn "$(GOTOOLCHAIN=$wanted go env GOROOT)" build/go
        export GOROOT=$PWD/build/go PATH=$PWD/build/go/bin:$PATH
    fi
    export GOTOOLCHAIN=local
}

need_tools() {
    local tool
    for tool in go "$CC" "$PYTHON"; do
        command -v "$tool" >/dev/null || { echo "build.sh: $tool is needed" >&2; exit 1; }
    done
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        { echo "build.sh: Python 3.10 or newer is needed; set PYTHON" >&2; exit 1; }
    use_go
}

# served_now: whether serve runs. It holds a lock on build/.
served_now() {
    local held=0
    [ ! -d build ] || flock -n -E 9 build true || held=$?
    [ "$held" = 9 ]
}

# bench_tools: what the benchmark has besides; opentelemetry-rust where there is cargo.
bench_tools() {
    venv charts bench/requirements.txt
    go build -o build/bin/relay ./bench/relay
    ! command -v cargo >/dev/null ||
        cargo build --quiet --release --locked --manifest-path bench/rust/Cargo.toml --target-dir build/rust
}

# compiler ARCHITECTURE: prints the C compiler of the library.
compiler() {
    local zig
    zig=$(echo "$PWD"/build/venv/build/lib/python3*/site-packages/ziglang/zig)
    case $RUNSPAN_TOOLCHAIN in
    system) echo "$CC" ;;
    zig) echo "$zig cc -target $1-linux-gnu.$GLIBC" ;;
    *) echo "build.sh: RUNSPAN_TOOLCHAIN is zig or system" >&2 && return 1 ;;
    esac
}

# library ARCHITECTURE DIR: the front, the core, and what is said about them.
library() {
    [ "$RUNSPAN_TOOLCHAIN" = system ] || venv build python/requirements-build.txt
    say "library for $1"
    mkdir -p "$2"
    core "$2" "" "$1"
    front "$2" "$1"
    scripts/licenses.sh "$2/librunspan-core.so" >"$2/THIRD_PARTY_LICENSES"
    "$PYTHON" scripts/sbom.py "$2/librunspan-core.so" "$1" >"$2/librunspan-core.cdx.json"
}

# package PLATFORM LIBRARY DIR: a wheel.
package() {
    venv build python/requirements-build.txt
    mkdir -p build/package
    [ "$1" = any ] || cp "$2/THIRD_PARTY_LICENSES" build/package/ # to where python/ has a link
    RUNSPAN_WHEEL=$1 RUNSPAN_LIBRARY=$(realpath -m "$2") SOURCE_DATE_EPOCH=$(source_date) \
        build/venv/build/bin/pip wheel -q --no-deps --no-build-isolation -w "$3" ./python
    build/venv/build/bin/python scripts/repack.py "$3"/*"$1".whl
}

# source_date: of the files in a package, which is the same each time. Without git it is that of no commit.
source_date() {
    echo "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1577836800)}"
}

# core DIR [TAGS [ARCHITECTURE]]; CMakeLists.txt calls it too. Nothing in it depends on the folder or the time.
core() {
    local overlay architecture=${3:-$(uname -m)} cc
    # shellcheck source=capi/guest/flags.sh
    source capi/guest/flags.sh
    use_go
    cc=$(compiler "$architecture")
    case $architecture in
    x86_64) local -x GOARCH=amd64 ;;
    aarch64) local -x GOARCH=arm64 ;;
    *) echo "build.sh: there is no library for $architecture" >&2 && return 1 ;;
    esac
    overlay=$(mktemp -d)
    capi/guest/overlay.sh "$overlay"
    CC=$cc GOEXPERIMENT=$GUEST_EXPERIMENT go build -buildmode=c-shared -trimpath -buildvcs=false -tags "$GUEST_TAGS${2:+,$2}" \
        -overlay "$overlay/overlay.json" -ldflags="-s -w -buildid= -extldflags '$GUEST_LDFLAGS'" "${GUEST_GCFLAGS[@]}" \
        -o "$1/librunspan-core.so" ./capi/core
    rm -r "$overlay" "$1/librunspan-core.h" # the front's core.h is the header
}

# front DIR ARCHITECTURE: the shared and the static front.
front() {
    local source object objects=() flags cc
    mapfile -t flags <capi/front/link.flags # CMakeLists.txt reads them too
    read -ra cc < <(compiler "$2")
    mkdir -p "build/obj/$2"
    for source in capi/front/*.c capi/front/linux/*.c; do
        object=build/obj/$2/$(basename "$source" .c).o
        "${cc[@]}" "${CFLAGS_STRICT[@]}" -O2 -fPIC -Iinclude -c "$source" -o "$object"
        objects+=("$object")
    done
    "${cc[@]}" -shared -s -o "$1/librunspan.so.0" "${objects[@]}" "${flags[@]}" \
        -Wl,--version-script=capi/front/librunspan.map -Wl,-soname,librunspan.so.0 -ldl -pthread
    ln -sf librunspan.so.0 "$1/librunspan.so"
    rm -f "$1/librunspan.a"
    ar rcs "$1/librunspan.a" "${objects[@]}"
}

# venv NAME REQUIREMENTS: made anew when the requirements have changed.
venv() {
    local dir=build/venv/$1 stamp
    stamp=$(cat "$2" tests/requirements*.txt tests/stripepy/requirements*.txt | cksum)
    [ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ] && return
    if [ "$1" = collector ] && served_now; then
        echo "build.sh: serve runs in $dir, which has to be made anew: end it first" >&2
        exit 1
    fi
    say "virtual environment $1"
    rm -rf "$dir"
    "$PYTHON" -m venv "$dir"
    "$dir/bin/pip" install -q -r "$2"
    echo "$stamp" >"$dir/stamp"
}

# collector_venv: what runs on the maintainers' side.
collector_venv() {
    venv collector collector/requirements.txt
    in_place collector
}

# in_place NAME: the maintainers' side's own package as it lies in collector/, so that a change of it needs no installation.
in_place() {
    local installed=build/venv/$1/pyproject.toml
    cmp -s collector/pyproject.toml "$installed" && return
    "build/venv/$1/bin/pip" install -q --no-deps --no-build-isolation --no-index -e ./collector
    cp collector/pyproject.toml "$installed"
}

# stripepy_venv published|patched.
stripepy_venv() {
    venv "$1" "tests/stripepy/requirements-$1.txt"
    [ "$1" = patched ] || return 0
    if [ ! -e build/stripepy/stamp ] || [ -n "$(find contrib/stripepy -newer build/stripepy/stamp)" ]; then
        rm -rf build/stripepy
        PYTHON=$PWD/build/venv/dev/bin/python tests/stripepy/make_patched_wheel.sh build/stripepy
        touch build/stripepy/stamp
    fi
    install_runspan patched
    build/venv/patched/bin/pip install -q --no-deps --force-reinstall build/stripepy/*.whl
}

install_runspan() {
    "build/venv/$1/bin/pip" install -q --no-deps --no-index --find-links build/wheels --force-reinstall runspan
}

# store_side: what served makes, without the collector.
store_side() {
    need_tools
    command -v openssl >/dev/null || { echo "build.sh: openssl is needed" >&2; exit 1; }
    collector_venv
    collector/vega/build.sh
    scripts/restic.sh
}

task=${1:-help}
case $task in
help | build | install | wheel | wheels | verify | demo | test | fuzz | lint | bench | size | docs | abi | clean | core | collector | store | dashboard | kafka | ops | server | served | serve | platforms | benchtest) "$task" "${@:2}" ;;
*)
    echo "build.sh: no task is named $task" >&2
    help >&2
    exit 2
    ;;
esac
