#!/usr/bin/env bash
# See to it that ngspice's program and library are there; usage: setup_ngspice.sh PYTHON STAMP
set -euo pipefail
python=$1 stamp=$2

present() {
    command -v ngspice >/dev/null &&
        "$python" -c 'import ctypes, os; ctypes.CDLL(os.environ.get("NGSPICE_LIBRARY_PATH", "libngspice.so.0"))' 2>/dev/null
}

if ! present; then
    printf 'installing ngspice\n' >&2
    if ! bash "$(dirname "$0")/apt_install.sh" ngspice libngspice0 || ! present; then
        rm -f "$stamp"
        printf '%s\n' "note: ngspice is missing and may not be installed from here; as root: apt-get install ngspice libngspice0" \
            "      until then circuits run on VACASK alone" >&2
        exit 0
    fi
fi
touch "$stamp"
