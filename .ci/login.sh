#!/usr/bin/env bash
# Registry passwords of the environment into a config.json of this job alone.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

keep DOCKER_CONFIG "$(mktemp -d "$(scratch)/docker.XXXXXX")"
command=(localai-ci login)
if [ -n "${REGISTRIES:-}" ]; then command+=(--registries "$REGISTRIES"); fi
"${command[@]}"
