#!/usr/bin/env bash
# Build the wheel into a folder, by a build backend of known hash: wheel.sh dist
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

folder=$(mktemp -d "$(scratch)/wheel.XXXXXX")
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
pip=("$folder/venv/bin/python" -m pip --quiet --disable-pip-version-check)
"${pip[@]}" install --no-deps --require-hashes -r "$home/.ci/build.txt"
# The same bytes from the same commit: no file's own time stands in the archive.
SOURCE_DATE_EPOCH=$(git -C "$home" log -1 --format=%ct) \
  "${pip[@]}" wheel --no-deps --no-build-isolation --wheel-dir "$1" "$home"
ls -l "$1"
