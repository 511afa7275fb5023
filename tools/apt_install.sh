#!/usr/bin/env bash
# Install Debian packages if that is possible without asking anybody anything.
set -euo pipefail
command -v apt-get >/dev/null || exit 1
run=()
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || exit 1
    run=(sudo -n)
fi
run+=(env DEBIAN_FRONTEND=noninteractive)
install=("${run[@]}" apt-get install -y -qq --no-install-recommends "$@")
"${install[@]}" >/dev/null 2>&1 || { "${run[@]}" apt-get update -qq >/dev/null && "${install[@]}" >/dev/null; }
