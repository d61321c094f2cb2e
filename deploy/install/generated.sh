#!/bin/sh
# generated.sh VENV: fail if the committed generated code is not what its sources give today.
set -eu
bin=$(cd "$1" && pwd)/bin
types=gateway/console/src/api/schema.d.ts
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -R protos "$scratch/protos"
{
    # protoc finds its plugins by PATH.
    PATH=$bin:$PATH "$bin/python" "$scratch/protos/generate.py" &&
        "$bin/python" -m gateway openapi >"$scratch/openapi.json" &&
        deploy/install/node.sh "$1" npm exec --no -- \
            openapi-typescript "$scratch/openapi.json" --output "$scratch/types"
} >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    exit 1
}
if ! diff -r --brief --exclude=__pycache__ protos "$scratch/protos" || ! diff --brief "$types" "$scratch/types"; then
    echo "Generated code is out of date: run make protos." >&2
    exit 1
fi
