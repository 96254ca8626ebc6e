#!/usr/bin/env bash
# Install the console `localai-ci` of this very checkout, every package by its hash.
# With --where only say in which folder; one with a file `ready` in it is taken as it is.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "python3 is older than 3.11" "take a runner with ubuntu-24.04, or set PYTHON"

key=$(cd "$home" && find src matrix pyproject.toml requirements.lock .ci/build.txt -type f \
  ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16)
folder=$(kept)/console-$key-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ "${1:-}" = --where ]; then
  echo "$folder"
  exit
fi
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9 # two jobs of one machine
if [ ! -e "$folder/ready" ]; then
  rm -rf "$folder"
  "$python" -m venv "$folder"
  pip=("$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --retries 10)
  "${pip[@]}" --require-hashes -r "$home/requirements.lock" -r "$home/.ci/build.txt"
  # A copy: building writes beside the sources, and an action's folder is not ours to write to.
  mkdir "$folder/module"
  cp -R "$home/src" "$home/matrix" "$home/pyproject.toml" "$home/README.md" "$home/LICENSE" \
    "$folder/module"
  "${pip[@]}" --no-build-isolation --no-index "$folder/module"
  touch "$folder/ready"
fi
exec 9>&-
keep_path "$folder/bin"
keep LOCALAI_CI_HOME "$home"
"$folder/bin/localai-ci" --version
