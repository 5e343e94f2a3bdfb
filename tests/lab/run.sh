#!/bin/sh
# Runs JupyterLab with a threadbook in a headless Chromium: tests/lab/run.sh [THREADBOOK] [node --test arguments]
# Needs `node`, `npm` and `chromium` on the path. Playwright comes from npm into $THREADBOOK_NODE, or below the target
# directory, once. A picture of each test's end is left in $THREADBOOK_PICTURES, or below the target directory.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
threadbook=${1:-$target/debug/threadbook}
[ $# -gt 0 ] && shift
. "$here/../conformance/jupyter.sh"
node=${THREADBOOK_NODE:-$target/lab-node}
if ! cmp -s "$here/package-lock.json" "$node/installed.json"; then
    mkdir -p "$node"
    cp "$here/package.json" "$here/package-lock.json" "$node/"
    npm ci --prefix "$node" --no-audit --no-fund --silent
    cp "$here/package-lock.json" "$node/installed.json"
fi
# The tests stop the server themselves; it is ended here if they could not.
end_server() {
    for server in "$scratch"/runtime/jpserver-*.json; do
        [ -e "$server" ] && kill "$(basename "$server" .json | cut -d- -f2)" 2>/dev/null
    done
    rm -rf "$scratch"
}
trap end_server EXIT
export THREADBOOK_PICTURES="${THREADBOOK_PICTURES:-$target/lab-pictures}"
rm -rf "$THREADBOOK_PICTURES"
mkdir -p "$THREADBOOK_PICTURES"
export JUPYTER="$venv/bin/jupyter" LAB_SCRATCH="$scratch" PLAYWRIGHT="$node/node_modules/playwright-core/index.mjs"
if ! node --test --test-reporter=spec "$@" "$here"/*.test.mjs; then
    echo "what the server said:"
    cat "$scratch/server.log"
    echo "how each test ended: $THREADBOOK_PICTURES"
    exit 1
fi
