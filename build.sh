#!/usr/bin/env bash
# Every task of the project: ./build.sh help lists them. All output goes to build/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

PYTHON=${PYTHON:-python3}
CC=${CC:-cc}
GO_TAGS=nethttpomithttp2,netgo,osusergo
CFLAGS_STRICT=(-std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wconversion -Werror)
FRONT_LDFLAGS=('-Wl,--version-script=capi/front/librunspan.map' '-Wl,-soname,librunspan.so.0' '-Wl,-z,defs' '-Wl,-z,nodelete' '-Wl,-Bsymbolic' -ldl -pthread)
CORE_LDFLAGS='-Wl,--wrap=sigaction,--wrap=pthread_create,--wrap=pthread_attr_init,--wrap=malloc,--wrap=free,--wrap=mmap'
export CGO_ENABLED=1 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '\n== %s\n' "$*"; }

help() { # list the tasks
    sed -n 's/^\([a-z]*\)() { # \(.*\)/  \1\t\2/p' build.sh | expand -t 14
}

build() { # the library (build/lib) and the test tools (build/bin)
    need_tools
    say build
    core build/lib
    front build/lib
    scripts/licenses.sh build/lib/librunspan-core.so >build/lib/THIRD_PARTY_LICENSES
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
    build
    say wheel
    venv dev tests/requirements.txt
    rm -rf build/wheels
    build/venv/dev/bin/pip wheel -q --no-deps --no-build-isolation -w build/wheels ./python
    ls build/wheels
}

demo() { # real StripePy on real data, reported through runspan
    wheel
    stripepy_venv patched
    say demo
    build/venv/patched/bin/python scripts/demo.py
}

test() { # all tests
    local compiling
    wheel
    say "collector, beside what has to be downloaded"
    collector >build/collector.log 2>&1 &
    compiling=$!
    stripepy_venv published
    stripepy_venv patched
    install_runspan dev
    store_side
    scripts/kafka.sh
    scripts/debs.sh haproxy musl-dev
    scripts/restic.sh test
    say "interpreters and their packages"
    scripts/languages.sh
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

store() { # the tests of the maintainers' store (collector/store)
    need_tools
    venv collector collector/requirements.txt
    say store
    build/venv/collector/bin/python -m pytest -q tests/collector/store
}

dashboard() { # the maintainers' page (build/collector/static), and its tests
    need_tools
    venv collector collector/requirements.txt
    collector/dashboard/build.sh
    say dashboard
    build/venv/collector/bin/python -m pytest -q tests/collector/dashboard
}

kafka() { # the tests of the maintainers' side beyond one machine: Kafka, balancer, cluster
    collector
    scripts/kafka.sh
    scripts/debs.sh haproxy
    venv collector collector/requirements.txt
    say kafka
    go test -count=1 ./tests/collector/kafka
    build/venv/collector/bin/python -m pytest -q tests/collector/cluster
}

ops() { # the tests of backup, serve, status and units (collector/docs/running.md)
    wheel
    stripepy_venv patched
    served
    scripts/restic.sh test
    say ops
    build/venv/dev/bin/python -m pytest -q -n 4 tests/collector/ops
}

server() { # the units of collector/systemd, run by systemd in a container; needs root
    served
    venv dev tests/requirements.txt
    say server
    PYTHONPATH=.:collector/store:collector/dashboard build/venv/dev/bin/python -m tests.collector.ops.server
}

served() { # what serve, or a server, needs (build/collector, build/venv/collector)
    collector
    store_side
}

serve() { # the maintainers' side on this machine, until Ctrl-C
    served
    exec collector/bin/serve "$@"
}

fuzz() { # fuzz the core: ./build.sh fuzz [TIME OF EACH TARGET]
    scripts/fuzz.sh "$@"
}

lint() { # the linters of all languages here
    wheel
    install_runspan dev
    scripts/lint.sh
}

bench() { # runspan beside opentelemetry-python, in the same run
    wheel
    stripepy_venv published
    stripepy_venv patched
    say bench
    build/venv/patched/bin/python bench/run.py
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
    wheel
    stripepy_venv published
    stripepy_venv patched
    install_runspan dev
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

need_tools() {
    local tool
    for tool in go "$CC" "$PYTHON"; do
        command -v "$tool" >/dev/null || { echo "build.sh: $tool is needed" >&2; exit 1; }
    done
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        { echo "build.sh: Python 3.10 or newer is needed; set PYTHON" >&2; exit 1; }
}

# served_now: whether serve runs. It holds a lock on build/.
served_now() {
    local held=0
    [ ! -d build ] || flock -n -E 9 build true || held=$?
    [ "$held" = 9 ]
}

# core DIR [TAGS]; CMakeLists.txt calls it too. Without inlining but where calls into the core pass: that is a twentieth of
# its size. What is wrapped is in capi/*.c.
core() {
    local overlay
    overlay=$(mktemp -d)
    scripts/runtime_overlay.sh "$overlay"
    GOEXPERIMENT=norandomizedheapbase64 go build -buildmode=c-shared -trimpath -tags "$GO_TAGS${2:+,$2}" \
        -overlay "$overlay/overlay.json" -ldflags="-s -w -extldflags '$CORE_LDFLAGS'" \
        -gcflags=all=-l -gcflags=runtime/...= -gcflags=internal/runtime/...= -gcflags=runspan/...= \
        -o "$1/librunspan-core.so" ./capi
    rm -r "$overlay" "$1/librunspan-core.h" # the front's core.h is the header
}

# front DIR: the shared and the static front.
front() {
    local source object objects=()
    mkdir -p build/obj
    for source in capi/front/*.c; do
        object=build/obj/$(basename "$source" .c).o
        "$CC" "${CFLAGS_STRICT[@]}" -O2 -fPIC -Iinclude -c "$source" -o "$object"
        objects+=("$object")
    done
    "$CC" -shared -s -o "$1/librunspan.so.0" "${objects[@]}" "${FRONT_LDFLAGS[@]}"
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

# stripepy_venv published|patched.
stripepy_venv() {
    venv "$1" "tests/stripepy/requirements-$1.txt"
    [ "$1" = patched ] || return 0
    if [ ! -e build/stripepy/stamp ] || [ contrib/stripepy-hic-1.3.0.patch -nt build/stripepy/stamp ]; then
        rm -rf build/stripepy
        PYTHON=$PWD/build/venv/dev/bin/python tests/stripepy/make_patched_wheel.sh build/stripepy
        touch build/stripepy/stamp
    fi
    install_runspan patched
    build/venv/patched/bin/pip install -q --no-deps --force-reinstall build/stripepy/*.whl
}

install_runspan() {
    "build/venv/$1/bin/pip" install -q --no-deps --force-reinstall build/wheels/*.whl
}

# store_side: what served makes, without the collector.
store_side() {
    need_tools
    command -v openssl >/dev/null || { echo "build.sh: openssl is needed" >&2; exit 1; }
    venv collector collector/requirements.txt
    collector/dashboard/build.sh
    scripts/restic.sh
}

task=${1:-help}
case $task in
help | build | install | wheel | demo | test | fuzz | lint | bench | size | docs | abi | clean | core | collector | store | dashboard | kafka | ops | server | served | serve) "$task" "${@:2}" ;;
*)
    echo "build.sh: no task is named $task" >&2
    help >&2
    exit 2
    ;;
esac
