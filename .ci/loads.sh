#!/usr/bin/env bash
# Whether a Dagger CLI loads the module and calls what needs nothing else: loads.sh dagger
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cd "$home"
"$1" version
"$1" --progress=plain -m . functions
"$1" --progress=plain -m . call variants
"$1" --progress=plain -m . call job --help >/dev/null
"$1" --progress=plain -m . check
