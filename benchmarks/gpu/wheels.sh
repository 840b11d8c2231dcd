#!/usr/bin/env bash
# wheels.sh KIT: into KIT/whl what a kit lacks, and our own package; from the repository's root.
#
# Ours is there for its metadata (version, entry points): run.sh puts the checkout before it.
set -euo pipefail
kit=$1
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$kit/whl"
mkdir -p "$kit/whl"
python -m pip download --quiet --no-deps --only-binary :all: --python-version 3.12 \
    --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 \
    --platform manylinux2014_x86_64 --dest "$kit/whl" --requirement "$here/wheels.txt"
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
git archive HEAD | tar -x -C "$source"
python -m pip wheel --quiet --no-deps --wheel-dir "$kit/whl" "$source"
du -sh "$kit/whl"
