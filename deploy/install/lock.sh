#!/bin/sh
# lock.sh VENV: pin the newest versions that pyproject.toml admits, for every platform, with hashes
# and without the address of any registry.
set -eu
pin() {
    output=$1
    shift
    "$venv/bin/uv" pip compile "$@" --upgrade --universal --python-version 3.11 \
        --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        --quiet --output-file "requirements/$output.txt"
}
venv=$1
pin runtime pyproject.toml
pin dev pyproject.toml --group dev
pin install --group install
pin node --group node
