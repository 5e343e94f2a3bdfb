#!/bin/sh
# Runs the sessions of this folder one after the other, or those that are named, and prints how long each took. Needs the
# network, and minutes for each crate that was never built; so it is part of no test run.
#
# usage: tests/crates/run.sh [NAME...]        BLESS=1 writes what came out into the files
set -u
cd "$(dirname "$0")/../.." || exit 1
export SESSIONS=tests/crates
cargo test -q --test cells --no-run || exit 1
[ $# -gt 0 ] || set -- $(cd tests/crates && ls ./*.md | grep -v README | sed 's,^./,,; s,.md$,,')
failed=0
for name in "$@"; do
    start=$(date +%s)
    if cargo test -q --test cells -- --exact "$name" >"${TMPDIR:-/tmp}/session-$name.txt" 2>&1; then
        verdict=ok
    else
        verdict="FAILED, see ${TMPDIR:-/tmp}/session-$name.txt"
        failed=1
    fi
    echo "$name: $(($(date +%s) - start)) s, $verdict"
done
exit $failed
