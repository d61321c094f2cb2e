#!/bin/sh
# venv.sh VENV REQUIREMENTS [PYTHON]: make the virtual environment if there is none that works, and install
# exactly what the lock file pins.
set -eu
umask 022 # the database runs as an account of its own when we are root, and must read what is installed
venv=$1
requirements=$2
here=$(dirname "$0")

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

if ! is_recent "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    for python in "${3:-}" python3 python3.14 python3.13 python3.12 python3.11 none; do
        if [ -n "$python" ] && is_recent "$python"; then break; fi
    done
    if [ "$python" = none ]; then
        echo "Python 3.11 or newer is needed; install one, or name it: make PYTHON=/path/to/python3" >&2
        exit 1
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        # Debian and Ubuntu keep what makes environments in a package of its own.
        "$here/packages.sh" "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
    echo "Making $venv with $("$python" --version) …" >&2
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi
with_pip() {
    "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
        --require-hashes --no-deps --requirement "$1"
}
with_uv() {
    "$venv/bin/uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" \
        --require-hashes --no-deps --requirement "$1"
}
echo "Installing $requirements …" >&2
# uv does in seconds what pip does in minutes; pip helps where only its own settings lead to the packages.
with_pip requirements/install.txt && with_uv "$requirements" || with_pip "$requirements"
# What came out of uv's cache may be unreadable for the database's account.
chmod -R go+rX "$venv/lib"
