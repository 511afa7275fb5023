#!/usr/bin/env bash
# See to it that the browser of the tests of HTML pages is there; usage: setup_browser.sh STAMP
set -euo pipefail
stamp=$1

present() {
    command -v "${CHROMIUM:-chromium}" >/dev/null || command -v chromium-browser >/dev/null ||
        command -v google-chrome >/dev/null
}

if ! present; then
    printf 'installing chromium\n' >&2
    if ! bash "$(dirname "$0")/apt_install.sh" chromium || ! present; then
        rm -f "$stamp"
        printf '%s\n' "note: chromium is missing and may not be installed from here; as root: apt-get install chromium" \
            "      only tests of HTML pages need it" >&2
        exit 0
    fi
fi
touch "$stamp"
