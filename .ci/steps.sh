# Sourced by `.ci/run`: one function for each step. `$root` is the source tree, `$cache` outlives the run, `$scratch` does
# not, and `$threadbook` is the release executable.

install() {
  local sudo=sudo
  [ "$(id -u)" = 0 ] && sudo=
  echo "install $*"
  # Nobody is at a terminal to answer what a package asks.
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"
}

# need COMMAND PACKAGE…: installs the Debian packages if the command is not there.
need() {
  command -v "$1" >/dev/null || install "${@:2}"
}

# libzmq is compiled with the crate that binds it.
need_compilers() {
  need cc gcc libc6-dev
  need c++ g++
}

need_python() {
  need python3 python3
  python3 -c 'import ensurepip' 2>/dev/null || install python3-venv
}

format() {
  cargo fmt --all --check
}

lints() {
  need_compilers
  # The runtime's sources lie beside its manifest's directory, and Cargo names them by absolute paths: with another
  # checkout of this tree on the machine it would take that one's build for this one's.
  cargo clean --quiet -p threadbook-runtime
  cargo clippy --workspace --all-targets --locked -- -D warnings
}

# The executor alone, as it is built where there is no C++ compiler.
lints_without_kernel() {
  need cc gcc libc6-dev
  cargo clippy -p threadbook --all-targets --no-default-features --locked -- -D warnings
}

docs() {
  need_compilers
  local package
  for package in threadbook threadbook-runtime; do
    RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --locked -p "$package"
  done
}

# No dependency may ask for a newer rustc than we do. (What we take from std ourselves, clippy's `incompatible_msrv`
# compares with the same field.)
msrv() {
  need_python
  cargo metadata --format-version 1 --locked | python3 .ci/msrv.py
}

# Fuzz targets, and the `fuzzing` modules that only they see. Crates that both use have the versions of our lock file.
fuzz_targets() {
  need_compilers
  cp Cargo.lock fuzz/Cargo.lock
  CARGO_TARGET_DIR="$CARGO_TARGET_DIR/fuzz" RUSTFLAGS="--cfg fuzzing" cargo check --manifest-path fuzz/Cargo.toml
}

release() {
  need_compilers
  cargo build --release --locked
}

notebooks() {
  local notebook
  for notebook in threading processes; do
    for _ in cold warm; do
      "$threadbook" run --quiet "notebooks/$notebook.ipynb" -o "$scratch/$notebook.ipynb"
    done
  done
  need_python
  "$threadbook" verify notebooks/threading.ipynb --runs 2 --twin python3
  "$threadbook" verify notebooks/processes.ipynb --twin python3
}

# The kernel under Jupyter's own tests and clients.
conformance() {
  need_python
  THREADBOOK_VENV="$cache/conformance-venv" tests/conformance/run.sh "$threadbook"
}

# JupyterLab in a browser.
lab() {
  need_python
  need node nodejs
  need npm npm
  need chromium chromium
  THREADBOOK_VENV="$cache/conformance-venv" THREADBOOK_NODE="$cache/lab-node" tests/lab/run.sh "$threadbook"
}

# The package holds all that it needs: it is built and run from the archive alone. (`--no-verify`: Cargo would build it a
# second time.)
package() {
  need_compilers
  cargo package --locked --allow-dirty --no-verify -p threadbook
  local version
  version=$(cargo pkgid -p threadbook | sed 's/.*[#@]//')
  rm -rf "$scratch/package"
  mkdir "$scratch/package"
  tar -xzf "$CARGO_TARGET_DIR/package/threadbook-$version.crate" -C "$scratch/package" --strip-components=1
  cargo install --quiet --locked --root "$scratch/installed" --path "$scratch/package"
  (cd "$scratch" && ./installed/bin/threadbook run --quiet "$root/notebooks/processes.ipynb" -o installed.ipynb)
}

tests() {
  need_compilers
  need_python
  cargo clean --quiet -p threadbook-runtime
  cargo test --workspace --locked
}

# The library's tests under AddressSanitizer and ThreadSanitizer: a build of its own for each, so not a step of `all`.
sanitizers() {
  need_compilers
  tests/sanitizers/run.sh
}

# Licences, advisories, duplicates and sources of dependencies. It needs the network and `cargo install cargo-deny`, so it
# is a step of the workflows and not of `all`.
deny() {
  cargo deny --workspace check
}

# What is handed out: `dist/threadbook`, and `dist/threadbook.debug` with its line tables, which debuggers and backtraces
# find beside it by the name that is written into the executable.
dist() {
  need_compilers
  need objcopy binutils
  cargo build --profile dist --locked
  rm -rf "$CARGO_TARGET_DIR/dist/out"
  mkdir "$CARGO_TARGET_DIR/dist/out"
  (
    cd "$CARGO_TARGET_DIR/dist/out"
    objcopy --only-keep-debug --compress-debug-sections=zlib ../threadbook threadbook.debug
    objcopy --strip-all --add-gnu-debuglink=threadbook.debug ../threadbook threadbook
    ls -l
  )
  "$CARGO_TARGET_DIR/dist/out/threadbook" run --quiet notebooks/processes.ipynb -o "$scratch/dist.ipynb"
}

# No process that this run has started may be there when it ends: neither a worker nor a program of a cell.
nothing_left_behind() {
  local environment left=()
  for environment in /proc/[0-9]*/environ; do
    # A process that ends meanwhile has no file any more.
    if tr '\0' '\n' 2>/dev/null <"$environment" | grep -qxF "THREADBOOK_CI_RUN=$THREADBOOK_CI_RUN"; then
      left+=("$(basename "$(dirname "$environment")")")
    fi
  done
  [ ${#left[@]} -eq 0 ] && return
  echo "these processes outlived what had started them:"
  ps -o pid,ppid,stat,args -p "$(IFS=,; echo "${left[*]}")"
  return 1
}
