#!/usr/bin/env bash
# Fetches Vega, as the lock file has it, and lays what the page loads into build/collector/static.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

dir=build/collector/npm static=build/collector/static
if ! cmp -s collector/vega/package-lock.json "$static/stamp"; then
    command -v npm >/dev/null || { echo "collector/vega/build.sh: npm is needed" >&2; exit 1; }
    mkdir -p "$dir" "$static"
    cp collector/vega/package.json collector/vega/package-lock.json "$dir/"
    npm ci --prefix "$dir" --cache "$dir/cache" --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel error
    cp "$dir/node_modules/vega/build/vega.min.js" "$dir/node_modules/vega-lite/build/vega-lite.min.js" "$static/"
    cp "$dir/node_modules/vega-lite/build/vega-lite-schema.json" "$static/" # for the tests
    # Its one import is of what vega.min.js has brought already, under a name that a browser can't look up.
    interpreter=$dir/node_modules/vega-interpreter/build/vega-interpreter.js
    [ "$(grep -c "^import {.*} from 'vega-util';$" "$interpreter")" = 1 ] || { echo "collector/vega/build.sh: $interpreter has other imports" >&2; exit 1; }
    sed "s/^import \({.*}\) from 'vega-util';$/const \1 = globalThis.vega;/; /^\/\/# sourceMappingURL/d" "$interpreter" >"$static/vega-interpreter.js"
    cat "$dir"/node_modules/{vega,vega-lite,vega-interpreter}/LICENSE >"$static/LICENSE"
    cp collector/vega/package-lock.json "$static/stamp"
fi
