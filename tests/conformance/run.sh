#!/bin/sh
# Runs the conformance tests of Jupyter against a threadbook: tests/conformance/run.sh [THREADBOOK] [pytest arguments]
# Makes a virtual environment with the pinned packages in $THREADBOOK_VENV, or below the target directory, once.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
threadbook=${1:-$target/debug/threadbook}
[ $# -gt 0 ] && shift
venv=${THREADBOOK_VENV:-$target/conformance-venv}
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export THREADBOOK_DATA="$scratch/data"
export JUPYTER_PATH="$scratch/prefix/share/jupyter"
"$threadbook" install --prefix "$scratch/prefix" >/dev/null
"$venv/bin/python" -m pytest -q -p no:cacheprovider "$here" "$@"
