#!/bin/sh
# Runs the conformance tests of Jupyter against a threadbook: tests/conformance/run.sh [THREADBOOK] [pytest arguments]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
threadbook=${1:-$target/debug/threadbook}
[ $# -gt 0 ] && shift
. "$here/jupyter.sh"
"$venv/bin/python" -m pytest -q -p no:cacheprovider "$here" "$@"
