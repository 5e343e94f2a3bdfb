# Sourced by the scripts that test a threadbook under Jupyter. Makes a virtual environment with the pinned packages in
# $THREADBOOK_VENV, or below the target directory, once; then installs the kernel where only this run sees it.
# Takes $threadbook; sets $venv, and $scratch, which goes when the script ends.
requirements=$here/../conformance/requirements.txt
venv=${THREADBOOK_VENV:-$target/conformance-venv}
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$venv/requirements.txt"
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export THREADBOOK_DATA="$scratch/data"
export JUPYTER_PATH="$scratch/prefix/share/jupyter"
"$threadbook" install --prefix "$scratch/prefix" >/dev/null
