#!/usr/bin/env bash
# Every task of the project: ./build.sh help lists them. All output goes to build/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The compilers. zig's clang compiles the shipped library for glibc 2.17, of 2012, and build/lib too, so that the tests see the
# shipped library. With RUNSPAN_TOOLCHAIN=system CC compiles it, for this machine's glibc: for those who build for one machine,
# without PyPI. In either case CC compiles the tests' programs, and CMake its own targets.
PYTHON=${PYTHON:-python3}
CC=${CC:-cc}
RUNSPAN_TOOLCHAIN=${RUNSPAN_TOOLCHAIN:-zig}
GLIBC=2.17
MACOS=12.0 # which the core needs, because Go does
mapfile -t PLATFORMS < <(awk '!/^#/ { print $1 }' python/platforms.txt) # of the wheels
CFLAGS_STRICT=(-std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wconversion -Werror)
export CGO_ENABLED=1 PIP_DISABLE_PIP_VERSION_CHECK=1
export ZIG_GLOBAL_CACHE_DIR=$PWD/build/cache/zig ZIG_LOCAL_CACHE_DIR=$PWD/build/cache/zig

say() { printf '\n== %s\n' "$*"; }

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

# The tasks. Each is a function task_NAME; those with a comment behind the brace are what help lists.

task_help() { # list the tasks
    sed -nE 's/^task_(\w+)\(\) \{ # /\1\t/p' build.sh | awk -F '\t' '{ gsub("_", "-", $1); printf "  %-17s%s\n", $1, $2 }'
}

task_build() { # build the library (build/lib) and the test tools (build/bin)
    need_tools
    library "$(uname -m)" build/lib
    say "test tools"
    go build -o build/bin/receiver ./tests/cmd/receiver
}

task_core() { # build the core alone: ./build.sh core DIR [TAGS [ARCHITECTURE]]
    # CMakeLists.txt calls it, too. The library is the same whatever the folder and the time.
    local overlay architecture=${3:-$(uname -m)} cc
    # shellcheck source=capi/guest/flags.sh
    source capi/guest/flags.sh
    use_go
    cc=$(compiler "$architecture")
    local -x GOARCH
    GOARCH=$(go_architecture "$architecture")
    overlay=$(mktemp -d)
    capi/guest/overlay.sh "$overlay"
    CC=$cc GOEXPERIMENT=$GUEST_EXPERIMENT go build -buildmode=c-shared -trimpath -buildvcs=false -tags "$GUEST_TAGS${2:+,$2}" \
        -overlay "$overlay/overlay.json" -ldflags="-s -w -buildid= -extldflags '$GUEST_LDFLAGS'" "${GUEST_GCFLAGS[@]}" \
        -o "$1/librunspan-core.so" ./capi/core
    rm -r "$overlay" "$1/librunspan-core.h" # the front's core.h is the header
}

task_install() { # install for C and C++: ./build.sh install --prefix DIR
    if [ "${1:-}" != --prefix ] || [ -z "${2:-}" ]; then
        fail "install --prefix DIR"
    fi
    task_build
    say install
    scripts/install.sh "$2"
}

task_wheel() { # build the Python package for this platform (build/wheels)
    task_wheels "$(uname -m)"
}

task_wheels() { # build the Python packages (build/wheels): ./build.sh wheels [PLATFORM...], of python/platforms.txt
    local platform dir
    need_tools
    [ $# -gt 0 ] || set -- "${PLATFORMS[@]}"
    rm -rf build/wheels
    venv build python/requirements-build.txt
    windows_libraries "$@" &
    local windows=$!
    for platform; do
        dir=build/cross/$platform
        case $platform in
        any) ;;
        "$(uname -m)") dir=build/lib && task_build ;;
        *) library "$platform" "$dir" ;;
        esac
        package "$platform" "$dir" build/wheels
    done
    wait "$windows"
    say wheels
    (cd build/wheels && sha256sum -- *.whl)
}

task_sdist() { # build the Python package's source distribution (build/sdist), with all that a build without network takes
    task_build
    sdist
}

task_deb() { # build the packages for Debian (build/deb)
    task_build
    deb
}

task_conda() { # build the packages for conda of the wheels that are in build/wheels (build/conda)
    venv packagers packaging/requirements.txt
    say conda
    rm -rf build/conda
    SOURCE_DATE_EPOCH=$(source_date) build/venv/packagers/bin/python packaging/conda/assemble.py build/conda
}

task_library() { # build the library for this machine, and no more: ./build.sh library DIR
    # python/hatch_build.py calls it in a source distribution, with RUNSPAN_ZIG or RUNSPAN_TOOLCHAIN=system.
    use_go
    library "$(uname -m)" "$1"
}

task_verify() { # build wheels again from this commit, and compare: ./build.sh verify [WHEEL or PLATFORM...]
    scripts/verify.sh "$@"
}

task_demo() { # run real StripePy on real data, reported through runspan
    prepare patched
    say demo
    build/venv/patched/bin/python scripts/demo.py
}

task_test() { # test: ./build.sh test [SUITE...], by default those that need no root; "system" is the rest; tests/README.md
    local name suites needs
    [ $# -gt 0 ] || set -- basic
    for name; do
        grep -qE "^(\w+ +)?$name " tests/suites.txt || fail "no suite is named $name: tests/README.md has them"
    done
    selected() { awk -v names=" $* " '!/^#/ && (index(names, " " $1 " ") || index(names, " " $2 " "))' tests/suites.txt; }
    mapfile -t suites < <(selected "$@" | awk '{ print $1 }')
    mapfile -t needs < <(selected "$@" | awk '{ print $4 }' | tr , '\n')
    prepare tests "${needs[@]}"
    scripts/test.sh "$SECONDS" "${suites[@]}"
}

task_build_collector() { # build the maintainers' collector (build/collector/otelcol)
    need_tools
    say collector
    mkdir -p build
    CGO_ENABLED=0 go run go.opentelemetry.io/collector/cmd/builder@v0.158.0 --config collector/builder.yaml
    chmod a+rx build/collector # which the builder makes for its owner alone; on a server, users of their own run what is in it
}

task_build_serve() { # build the maintainers' side (build/collector, build/venv/collector)
    prepare serve
}

task_serve() { # run the maintainers' side on this machine, until Ctrl-C
    task_build_serve
    exec build/venv/collector/bin/runspan-serve "$@"
}

task_platforms() { # put the wheels where they will be used (build/platforms), with tests/guest on each; writes the table of docs/platforms.md; takes hours
    prepare wheels platforms
    say platforms
    go test -count=1 -timeout 8h -v ./tests/platforms -long -table "$PWD/docs/platforms.md" "$@"
}

task_fuzz() { # fuzz the core: ./build.sh fuzz [TIME OF EACH TARGET]
    scripts/fuzz.sh "$@"
}

task_lint() { # run the linters of all languages here
    task_test lint
}

task_bench() { # measure runspan beside its peers, in turns: ./build.sh bench [--quick] [SUBJECT...]
    prepare stripepy bench
    say bench
    scripts/bench.sh "$@"
}

task_size() { # weigh the library, and what the stand-ins of third_party save
    task_build
    sed '/^replace/,$d' go.mod >build/whole.mod
    cp go.sum build/whole.sum
    GOFLAGS="-mod=mod -modfile=build/whole.mod" task_core build/whole grpcnotrace
    scripts/size.sh
}

task_docs() { # write the generated tables of docs/ anew; takes some minutes
    "$PYTHON" scripts/docs.py docs/telemetry.md
    prepare wheels stripepy
    build/venv/dev/bin/python scripts/platforms_page.py
    go test -count=1 -run 'TestFaults$' ./tests/faults -table "$PWD/docs/delivery.md"
    go test -count=1 -run 'TestCanaries$' ./tests/privacy -table "$PWD/docs/privacy.md"
    go test -count=1 -run 'TestGuest$|TestIdle$' ./tests/guest -ways -idle 50 -table "$PWD/docs/guest.md"
}

task_abi() { # write abi/ anew for the version that is being made
    task_build
    go test -count=1 -run 'TestSurface$' ./tests/abi -update
}

task_clean() { # remove build/, unless reports or keys are in it
    local found
    ! served_now || fail "serve runs what is in build/: end it first"
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
# through a link: go build refuses to replace files where modules are kept. GOTOOLCHAIN=local keeps the one that is here, and
# capi/guest/overlay.sh ends the build where it does not know that one's lines.
use_go() {
    local wanted
    wanted=$(sed -n 's/^toolchain //p' go.mod)
    if [ "${GOTOOLCHAIN:-}" != local ] && [ "$(GOTOOLCHAIN=local go env GOVERSION)" != "$wanted" ]; then
        mkdir -p build
        ln -sfn "$(GOTOOLCHAIN=$wanted go env GOROOT)" build/go
        export GOROOT=$PWD/build/go PATH=$PWD/build/go/bin:$PATH
    fi
    export GOTOOLCHAIN=local
}

# need_tools [PROGRAM...]: ends where one of these, or of those that compile, is not here; it names them all.
need_tools() {
    local tool missing=()
    for tool in go "$CC" "$PYTHON" "$@"; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    [ ${#missing[@]} = 0 ] || fail "these programs are needed, and are not here: ${missing[*]}"
    "$PYTHON" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        fail "Python 3.10 or newer, with venv, is needed; set PYTHON"
    use_go
}

# served_now: whether serve runs. It holds a lock on build/.
served_now() {
    local held=0
    [ ! -d build ] || flock -n -E 9 build true || held=$?
    [ "$held" = 9 ]
}

# compiler PLATFORM: prints the C compiler of the library.
compiler() {
    local zig
    zig=${RUNSPAN_ZIG:-$(echo "$PWD"/build/venv/build/lib/python3*/site-packages/ziglang/zig)}
    case $RUNSPAN_TOOLCHAIN,$1 in
    system,*) echo "$CC" ;;
    zig,*-musl) echo "$zig cc -target ${1%-*}-linux-musl" ;;
    zig,*-macos) echo "$zig cc -target $1.$MACOS" ;;
    zig,*-windows) echo "$zig cc -target $1-gnu" ;;
    zig,*) echo "$zig cc -target $1-linux-gnu.$GLIBC" ;;
    *) fail "RUNSPAN_TOOLCHAIN is zig or system" ;;
    esac
}

# go_architecture PLATFORM: prints Go's name of the platform's processor.
go_architecture() {
    case ${1%-*} in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) fail "there is no library for $1" ;;
    esac
}

# go_system PLATFORM: prints Go's name of the platform's system.
go_system() {
    case $1 in
    *-macos) echo darwin ;;
    *-windows) echo windows ;;
    *) echo linux ;;
    esac
}

# library PLATFORM DIR: the front, the core, and the core's licences and bill of materials. PLATFORM is an architecture, for glibc,
# or ARCHITECTURE-musl, -macos or -windows. There the core is a program only.
library() {
    local core
    core=$(awk -v platform="$1" '$1 == platform { print $4 }' python/platforms.txt)
    [ -n "$core" ] || fail "there is no library for $1"
    [ "$RUNSPAN_TOOLCHAIN" = system ] || [ -n "${RUNSPAN_ZIG:-}" ] || venv build python/requirements-build.txt
    say "library for $1"
    mkdir -p "$2"
    case $1 in
    *-*) static_core "$2/$core" "$1" ;;
    *) task_core "$2" "" "$1" && shared_program "$2" "$1" ;;
    esac
    front "$2" "$1"
    scripts/licenses.sh "$2/$core" "$1" >"$2/THIRD_PARTY_LICENSES"
    "$PYTHON" scripts/sbom.py "$2/$core" "$1" >"$2/${core%.*}.cdx.json"
}

# static_core FILE PLATFORM: runspan-core in plain Go.
static_core() {
    local version system
    # shellcheck source=capi/guest/flags.sh
    source capi/guest/flags.sh
    use_go
    version=$(sed -n 's/^#define RUNSPAN_VERSION "\(.*\)"/\1/p' include/runspan.h)
    system=$(go_system "$2")
    [ "$system" = linux ] || GUEST_TAGS=${GUEST_TAGS/,netgo/} # elsewhere the system resolves names
    CGO_ENABLED=0 GOOS=$system GOARCH=$(go_architecture "$2") go build -trimpath -buildvcs=false -tags "$GUEST_TAGS" \
        "${GUEST_GCFLAGS[@]}" -ldflags="-s -w -buildid= -X main.version=$version" -o "$1" ./capi/serve
}

# shared_program DIR PLATFORM: runspan-core, which loads the shared core.
shared_program() {
    local cc
    read -ra cc < <(compiler "$2")
    "${cc[@]}" "${CFLAGS_STRICT[@]}" -O2 -s -Iinclude -o "$1/runspan-core" capi/program/runspan-core.c capi/front/linux/guard.c \
        -rdynamic -ldl
}

# package PLATFORM LIBRARY DIR: a wheel.
package() {
    venv build python/requirements-build.txt
    rm -rf build/package
    mkdir -p build/package "$3"
    [ "$1" = any ] || cp "$2/THIRD_PARTY_LICENSES" build/package/ # to where python/ has a link
    RUNSPAN_WHEEL=$1 RUNSPAN_LIBRARY=$(realpath -m "$2") SOURCE_DATE_EPOCH=$(source_date) \
        build/venv/build/bin/pip wheel -q --no-deps --no-build-isolation -w build/package ./python
    build/venv/build/bin/python scripts/repack.py build/package/*.whl
    mv build/package/*.whl "$3"
}

# sdist: the source distribution, of the library that task_build has made.
sdist() {
    say sdist
    rm -rf build/sdist
    mkdir -p build/package
    cp build/lib/THIRD_PARTY_LICENSES build/package/ # to where python/ has a link
    mkdir -p build/sdist/tree
    git ls-files -z python | grep -zv ^python/tests/ | tar -c --dereference --null -T - | tar -x --strip-components=1 -C build/sdist/tree
    scripts/source.sh build/sdist/tree/source
    touch build/sdist/tree/.gitignore # otherwise hatchling reads ours, which leaves out build/
    (cd build/sdist/tree && SOURCE_DATE_EPOCH=$(source_date) RUNSPAN_WHEEL=x86_64 \
        ../../venv/build/bin/python -c 'from hatchling.build import build_sdist; build_sdist("..")')
    rm -r build/sdist/tree
    (cd build/sdist && sha256sum -- *.tar.gz)
}

# deb: the packages for Debian, of the same.
deb() {
    say deb
    rm -rf build/deb
    SOURCE_DATE_EPOCH=$(source_date) packaging/deb/build.sh build/deb
}

# source_date: of the files in a package, which is the same each time. Without git it is that of no commit.
source_date() {
    echo "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1577836800)}"
}

# windows_libraries PLATFORM...: has zig compile its C library for each of them that is for Windows. Each takes a minute or more
# of one processor, so task_wheels calls it beside the rest. front has the same options, and so finds them in zig's cache.
windows_libraries() {
    local platform cc
    for platform; do
        [[ $RUNSPAN_TOOLCHAIN,$platform == zig,*-windows ]] || continue
        read -ra cc < <(compiler "$platform")
        mkdir -p build/obj
        echo 'int runspan;' | "${cc[@]}" -O2 -shared -s -x c - -o "build/obj/$platform.dll"
    done
}

# front DIR PLATFORM: the shared and the static front. What a shared front exports is in capi/front/core.h; for Linux it has a
# version too.
front() {
    local cc ar source object objects=() sources shared
    read -ra cc < <(compiler "$2")
    ar=("${cc[0]}" ar)
    case $2 in
    *-windows)
        sources=(capi/front/{,windows/}*.c)
        shared=("-Wl,--out-implib,$1/librunspan.dll.a" "-Wl,-Brepro" -o "$1/runspan.dll") # a hash in place of the time
        ;;
    *-macos)
        sources=(capi/front/{,posix/,macos/}*.c)
        shared=("-Wl,-install_name,@rpath/librunspan.0.dylib" -o "$1/librunspan.0.dylib")
        ln -sf librunspan.0.dylib "$1/librunspan.dylib"
        ;;
    *)
        ar=(ar)
        sources=(capi/front/{,posix/,linux/}*.c)
        mapfile -t shared <capi/front/link.flags # CMakeLists.txt reads them too
        shared+=("-Wl,--version-script=capi/front/librunspan.map" "-Wl,-soname,librunspan.so.0" -ldl -pthread -o "$1/librunspan.so.0")
        ln -sf librunspan.so.0 "$1/librunspan.so"
        ;;
    esac
    mkdir -p "build/obj/$2"
    for source in "${sources[@]}"; do
        object=${source#capi/front/}
        object=build/obj/$2/${object//\//-}.o
        "${cc[@]}" "${CFLAGS_STRICT[@]}" -O2 -fPIC -fvisibility=hidden -Iinclude -c "$source" -o "$object"
        objects+=("$object")
    done
    "${cc[@]}" -O2 -shared -s "${objects[@]}" "${shared[@]}" # with less than -O2 zig makes a library for UBSan first
    rm -f "$1/librunspan.a"
    "${ar[@]}" rcs "$1/librunspan.a" "${objects[@]}"
}

# venv NAME REQUIREMENTS: made anew when the requirements have changed.
venv() {
    local dir=build/venv/$1 stamp
    stamp=$(cat "$2" tests/requirements*.txt tests/stripepy/requirements*.txt | cksum)
    [ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ] && return
    if [ "$1" = collector ] && served_now; then
        fail "serve runs in $dir, which has to be made anew: end it first"
    fi
    say "virtual environment $1"
    rm -rf "$dir"
    "$PYTHON" -m venv "$dir"
    "$dir/bin/pip" install -q -r "$2"
    echo "$stamp" >"$dir/stamp"
}

# in_place NAME: the maintainers' side's own package as it lies in collector/, so that a change of it needs no installation.
in_place() {
    local installed=build/venv/$1/pyproject.toml
    cmp -s collector/pyproject.toml "$installed" && return
    "build/venv/$1/bin/pip" install -q --no-deps --no-build-isolation --no-index -e ./collector
    cp collector/pyproject.toml "$installed"
}

# patched_wheel: StripePy with contrib/stripepy (build/stripepy).
patched_wheel() {
    if [ ! -e build/stripepy/stamp ] || [ -n "$(find contrib/stripepy -newer build/stripepy/stamp)" ]; then
        rm -rf build/stripepy
        PYTHON=$PWD/build/venv/dev/bin/python tests/stripepy/make_patched_wheel.sh build/stripepy
        touch build/stripepy/stamp
    fi
}

# put VENV WHEEL...: installs wheels that are built here.
put() {
    "build/venv/$1/bin/pip" install -q --no-deps --no-index --find-links build/wheels --force-reinstall "${@:2}"
}

# wants NEED: whether prepare is to make it.
wants() { [[ $wanted == *" $1 "* ]]; }

# prepare NEED...: makes each need of tasks and suites once. It compiles some needs while it fetches the others.
prepare() {
    local half need
    fetching=()
    wanted=" $* "
    # Some needs have needs of their own.
    for need in stripepy:patched stripepy:published patched:python packagers:wheels packagers:dev platforms:wheels platforms:dev wine:dev python:wheel python:dev serve:collector; do
        ! wants "${need%:*}" || wanted+="${need#*:} "
    done
    check
    mkdir -p build
    set -m # each half is a process group, which ends as a whole where the compiler fails
    for half in fetch_python fetch_others; do
        "$half" >"build/$half.log" 2>&1 </dev/null &
        fetching+=("$!")
    done
    set +m
    trap 'kill -- "${fetching[@]/#/-}" 2>/dev/null || true' EXIT
    compile
    wait "${fetching[0]}" || fail "can't be fetched: $(tail -n 30 build/fetch_python.log)"
    wait "${fetching[1]}" || fail "can't be fetched: $(tail -n 30 build/fetch_others.log)"
    trap - EXIT
    ! wants python || put dev runspan
    ! wants packagers || put packagers runspan
    ! wants patched || put patched runspan build/stripepy/*.whl
    ! wants serve || ! wants dev || in_place dev
}

# check: fails, before anything is made, if root or a program is missing.
check() {
    local tools=()
    ! wants root || [ "$(id -u)" = 0 ] || fail "these tests need root: they make mounts, control groups and name servers"
    ! wants tests || tools+=("${CXX:-c++}" git)
    ! wants root || tools+=(mount unshare setpriv)
    ! wants packagers || tools+=(dpkg-deb apt-get)
    ! wants serve || tools+=(openssl npm)
    ! wants restic || tools+=(systemd-analyze)
    ! wants kafka || tools+=(java mvn)
    ! wants languages || tools+=(node npm javac mvn)
    [[ ! $wanted =~ \ (platforms|wine)\  ]] || tools+=(mvn)
    [[ ! $wanted =~ \ (haproxy|musl|nginx|valgrind|platforms|wine)\  ]] || tools+=(apt-get dpkg)
    need_tools "${tools[@]}"
}

# compile: the needs that are compiled here.
compile() {
    if wants wheels; then
        task_wheels
    elif wants wheel; then
        task_wheel
    elif wants library; then
        task_build
    fi
    if wants hooks; then # the core that panics when told to
        task_core build/test/lib runspan_testhooks
        ln -sf ../../lib/runspan-core build/test/lib/
    fi
    wants wheels || ! wants musl || library "$(uname -m)-musl" "build/cross/$(uname -m)-musl"
    if wants packagers; then # which has the need wheels
        sdist
        deb
    fi
    ! wants collector || task_build_collector
    if wants bench; then
        go build -o build/bin/relay ./bench/relay
        # opentelemetry-rust is measured where there is cargo.
        ! command -v cargo >/dev/null ||
            cargo build --quiet --release --locked --manifest-path bench/rust/Cargo.toml --target-dir build/rust
    fi
}

# fetch_python: the needs from PyPI, and those that Python makes of them.
fetch_python() {
    ! wants dev || venv dev tests/requirements.txt
    if wants patched; then
        venv patched tests/stripepy/requirements-patched.txt
        patched_wheel
    fi
    ! wants published || venv published tests/stripepy/requirements-published.txt
    if wants serve; then
        venv collector collector/requirements.txt
        in_place collector
    fi
    ! wants packagers || venv packagers packaging/requirements.txt
    ! wants scan || venv scan tests/requirements-scan.txt
    ! wants bench || venv charts bench/requirements.txt
    ! wants platforms || scripts/platforms.sh
    ! wants wine || scripts/wine.sh
}

# fetch_others: the needs from Debian, npm and Maven.
fetch_others() {
    ! wants serve || collector/vega/build.sh
    ! wants serve || scripts/restic.sh
    ! wants restic || scripts/restic.sh test
    ! wants chromium || command -v chromium >/dev/null || scripts/debs.sh chromium
    ! wants haproxy || scripts/debs.sh haproxy
    ! wants nginx || command -v nginx >/dev/null || scripts/debs.sh nginx-light
    ! wants musl || scripts/debs.sh musl-dev
    ! wants packagers || scripts/debs.sh lintian
    ! wants valgrind || valgrind --version >/dev/null 2>&1 || scripts/debs.sh valgrind libc6-dbg
    ! wants kafka || tests/collector/scale_out/kafka/fetch.sh
    ! wants languages || scripts/languages.sh
}

task=task_${1:-help}
if ! declare -F "${task//-/_}" >/dev/null; then
    echo "build.sh: no task is named $1" >&2
    task_help >&2
    exit 2
fi
"${task//-/_}" "${@:2}"
