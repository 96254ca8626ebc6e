#!/usr/bin/env bash
# Publish the builder base VARIANT, unless a registry has exactly that one. WEEK, REGISTRIES, MIRROR,
# APT_MIRROR, APT_PORTS_MIRROR: as for job.sh.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"

cd "$home"
./daggerw --progress=plain -m . call "${settings[@]}" base "--variant=$VARIANT" publish
