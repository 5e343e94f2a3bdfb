#!/bin/sh
# Compares two executables in one run, as ratios: benches/compare.sh OLD NEW [ROUNDS] [CSV]
# Both are measured in turn in each round, so that what else the machine does meets both. Prints a table; the samples go
# to CSV (by default `compare.csv` in the target directory). Best where nothing else runs.
set -eu
old=$(realpath "$1")
new=$(realpath "$2")
rounds=${3:-5}
benches=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$benches/../target}
samples=${4:-$target/compare.csv}
# Its clients are those that the conformance tests use.
here=$benches/../tests/conformance
threadbook=$new
. "$here/jupyter.sh"
"$venv/bin/python" "$benches/compare.py" "$old" "$new" "$rounds" "$samples" "$scratch"
