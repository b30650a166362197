#!/usr/bin/env bash
# Runs suites of tests/suites.txt, for which ./build.sh test has built: test.sh SECONDS-OF-BUILDING SUITE...
# A suite's output goes to build/suites/SUITE.log, too. At the end a table has the time of each suite, the failures, and the
# tests that were not run.
set -euo pipefail
set -m # each suite is a process group, which can be ended as a whole
cd "$(dirname "${BASH_SOURCE[0]}")/.."

built=$1
shift
logs=build/suites
slots=$(nproc)

# The caller's variables for telemetry, proxies and certificates are not for the tests.
mapfile -t ambient < <(compgen -e | grep -iE "$(grep -v '^#' tests/ambient.txt | paste -sd '|')")
unset "${ambient[@]}"

# row SUITE: sets tier, when and command.
row() {
    local name needs
    # shellcheck disable=SC2034  # name and needs are build.sh's
    read -r name tier when needs command < <(grep "^$1 " tests/suites.txt)
}

# needing_root WORD...: the files of tests that need root, in those words of a command that are folders.
needing_root() {
    local word
    for word; do
        word=${word%/...}
        [ "$word" = . ] || [ ! -d "$word" ] || find "$word" -name '*_root_test.go' -o -name '*_root_linux_test.go' -o -name 'test_*_root.py'
    done | sort -u
}

# tests_in FILE...: the names of the tests in them.
tests_in() { sed -nE 's/^(func|def) ([Tt]est\w+)\(.*/\2/p' "$@"; }

# pattern FILE...: for go test, of the names of the tests in them.
pattern() { echo "^($(tests_in "$@" | paste -sd '|'))\$"; }

# go_test ARGUMENT...: in the tier basic without the tests that need root.
go_test() {
    local options=(-race -count=1 -timeout 25m) root=()
    mapfile -t root < <(needing_root "$@" | grep '\.go$')
    [ "$tier" != basic ] || [ ${#root[@]} = 0 ] || options+=(-skip "$(pattern "${root[@]}")")
    if [ "$1" = -C ]; then
        options=(-C "$2" "${options[@]}")
        shift 2
    fi
    go test "${options[@]}" "$@"
}

# py_test VENV ARGUMENT...: the same for Python.
py_test() {
    local options=(-q)
    [ "$tier" != basic ] || options+=(--ignore-glob='*_root.py')
    "build/venv/$1/bin/python" -m pytest "${options[@]}" "${@:2}"
}

# beside_test some|SUITE...: other suites' tests, with the hosts' cores in processes of their own. It prints the time of each
# suite; one that fails does not stop it.
beside_test() {
    local -x HOST_BESIDE=1
    local name words begun code=0
    if [ "$1" = some ]; then
        go_test -run 'TestConsent$|TestKilledHosts$' ./tests/consent ./tests/faults &&
            py_test dev -n 2 --dist worksteal tests/stripepy/test_parity.py -k view
        return
    fi
    for name; do
        row "$name"
        tier=named # with the tests that need root
        read -ra words <<<"$command"
        begun=$SECONDS
        "${words[@]}" || code=1
        echo "-- $name: $((SECONDS - begun)) s"
    done
    return "$code"
}

# left_out SUITE...: the files of tests that need root, of those that are in the tier basic.
left_out() {
    local words=() name
    for name; do
        row "$name"
        [ "$tier" != basic ] || words+=("$command")
    done
    # shellcheck disable=SC2068  # a command is several words
    needing_root ${words[@]}
}

# root_tests: the tests that need root of the tier basic.
root_tests() {
    local all go py folders
    mapfile -t all < <(sed -nE 's/^(\w+) .*/\1/p' tests/suites.txt)
    mapfile -t all < <(left_out "${all[@]}")
    mapfile -t go < <(printf '%s\n' "${all[@]}" | grep '\.go$')
    mapfile -t py < <(printf '%s\n' "${all[@]}" | grep '\.py$')
    mapfile -t folders < <(dirname "${go[@]/#/./}" | sort -u)
    go_test -run "$(pattern "${go[@]}")" "${folders[@]}" && py_test dev "${py[@]}"
}

# suite NAME: runs it; its log goes to build/suites, and so do its time, its exit code and its processor time.
suite() {
    local words spent code=0 begun=$SECONDS TIMEFORMAT='%0U %0S'
    row "$1"
    read -ra words <<<"$command"
    spent=$({ time "${words[@]}" >"$logs/$1.log" 2>&1 </dev/null; } 2>&1) || code=$?
    echo "$((SECONDS - begun)) $code $((${spent/ /+}))" >"$logs/$1.result"
}

# closing NAME: what a suite that has ended printed.
closing() {
    local seconds code
    read -r seconds code _ <"$logs/$1.result"
    printf '\n== %s: %d s%s\n' "$1" "$seconds" "$([ "$code" = 0 ] || echo ", FAILED")"
    cat "$logs/$1.log"
    [ "$code" = 0 ] || failed+=("$1")
}

declare -A running # suites, by the process of each
low=0              # so many of them have the lowest priority
failed=()
trap 'for process in "${!running[@]}"; do kill -- "-$process"; done; exit 130' INT TERM

begin() {
    echo "-- $1 begins"
    suite "$1" &
    running[$!]=$1
    if [ "$when" = low ]; then
        renice -n 19 -g $! >/dev/null
        low=$((low + 1))
    fi
}

await() {
    local process
    wait -n -p process "${!running[@]}" || true # its exit code is in the result
    closing "${running[$process]}"
    row "${running[$process]}"
    [ "$when" != low ] || low=$((low - 1))
    unset "running[$process]"
}

rm -rf "$logs"
mkdir -p "$logs"
for now in low alone beside; do
    for name; do
        row "$name"
        [ "$when" = "$now" ] || continue
        begin "$name"
        while [ "$now" = alone ] && [ ${#running[@]} -gt "$low" ] || [ ${#running[@]} -ge $((slots + low)) ]; do await; done
    done
done
while [ ${#running[@]} -gt 0 ]; do await; done

printf '\n== %-10s seconds  processor\n%-13s %7d\n' suite set-up "$built"
for name; do
    read -r seconds code spent <"$logs/$name.result"
    printf '%-13s %7d %10d%s\n' "$name" "$seconds" "$spent" "$([ "$code" = 0 ] || echo " FAILED")"
done
printf '%-13s %7d\n' together $((built + SECONDS))
if [[ " $* " != *" root "* ]]; then
    mapfile -t left < <(left_out "$@" | xargs -r cat | tests_in)
    [ ${#left[@]} = 0 ] || echo "not run here: ${#left[@]} tests that need root (./build.sh test root): ${left[*]}"
fi
if [ ${#failed[@]} -gt 0 ]; then
    echo "FAILED: ${failed[*]}; the logs are in $logs" >&2
    exit 1
fi
