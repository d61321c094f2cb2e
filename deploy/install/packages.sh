#!/bin/sh
# packages.sh NAME…: install Debian packages where that needs no password; otherwise one line says
# what to run.
set -eu
install="apt-get install --yes --no-install-recommends $*"
if ! command -v apt-get >/dev/null; then
    echo "Missing from this system (by Debian's names): $*. Install them, then run make again." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    sudo=
elif sudo -n true 2>/dev/null; then
    sudo=sudo
else
    echo "Missing from this system; run: sudo $install" >&2
    exit 1
fi
echo "Installing $* …" >&2
log=$(mktemp)
if ! { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive $install; } >"$log" 2>&1; then
    echo "$(grep -m1 '^E:' "$log" || tail -n1 "$log") (all of it is in $log); run: apt-get update && $install" >&2
    exit 1
fi
rm "$log"
