#!/usr/bin/env bash
# restic into build/collector/, from Debian: the Go module proxy has it up to 0.10 only, which knows no compression.
# With "test" also the far ends that the tests of the backup talk to.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

want=0.14.0
have=$(build/collector/restic version 2>/dev/null | cut -d' ' -f2 || true)
if [ "$have" != "$want" ]; then
    scripts/debs.sh "restic=$want-*"
    mkdir -p build/collector
    restic=build/debs/root/usr/bin/restic
    [ -x "$restic" ] || restic=$(command -v restic) # debs.sh fetches nothing that the system has
    cp "$restic" build/collector/restic
fi
if [ "${1:-}" = test ]; then
    scripts/debs.sh openssh-sftp-server 'rclone=1.60.1*'
    GOBIN=$PWD/build/bin CGO_ENABLED=0 go install github.com/johannesboyne/gofakes3/cmd/gofakes3@v1.2.0
fi
