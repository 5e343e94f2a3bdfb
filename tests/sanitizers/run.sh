#!/usr/bin/env bash
# Runs the library's unit tests under AddressSanitizer and ThreadSanitizer. Names of one of them as argument: that one only.
#
#   tests/sanitizers/run.sh [address|thread]
#
# Sanitizers are an unstable option of rustc, of which a stable rustc has the runtimes too. RUSTC_BOOTSTRAP lets it take
# the option, and is set here only, for these builds in a target directory of their own.
#
# The standard library is not instrumented, which takes its sources and `-Zbuild-std`. AddressSanitizer loses nothing by
# that but accesses within std itself: it finds wrong addresses wherever our code, or generic code of std that is compiled
# with ours, uses them, and memory that is never freed.
# ThreadSanitizer does not see the synchronisation inside of std's Condvar and channels, so in code that uses those it
# reports races that are none. That code is safe Rust, which cannot have a data race. So it runs where a race is possible,
# in the two wings with `unsafe` code, whose synchronisation is atomics of our own (the ring, the slot, the table of
# threads); what it says of std's own channels and of the test harness is left out by `thread.supp`.
set -euo pipefail
cd "$(dirname "$0")/../.."

export RUSTC_BOOTSTRAP=1
host=$(rustc -vV | sed -n 's/^host: //p')
target="${CARGO_TARGET_DIR:-$PWD/target}/sanitizers"
supp="$PWD/tests/sanitizers/thread.supp"

# For `--target`, build scripts and macros are compiled without the flags.
run() {
  local flags=$1
  shift
  echo "=== $flags"
  RUSTFLAGS="$flags" CARGO_TARGET_DIR="$target" cargo test --locked --lib --no-default-features --target "$host" -- "$@"
}

address() {
  run "-Zsanitizer=address"
}

thread() {
  # rustc refuses to link crates that are instrumented with a std that is not, unless told that this is meant.
  TSAN_OPTIONS="suppressions=$supp history_size=7" \
    run "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer" --test-threads=1 worker:: sys::
}

case "${1:-both}" in
  address) address ;;
  thread) thread ;;
  both) address && thread ;;
  *) echo "usage: $0 [address|thread]" >&2 && exit 2 ;;
esac
