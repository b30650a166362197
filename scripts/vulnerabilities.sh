#!/usr/bin/env bash
# Looks for known weaknesses in the code that the core calls: vulnerabilities.sh [VERSION OF THE DATABASE, such as latest].
# The database comes from the module proxy, as all else does: govulncheck would ask another host.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=capi/guest/flags.sh
source capi/guest/flags.sh
version=${1:-v0.0.0-20261105234957-e22db6528018}
database=$(cd / && go mod download -json "golang.org/x/vulndb@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db "file://$database/data/osv" -tags "$GUEST_TAGS" ./capi/core
