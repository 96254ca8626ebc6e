#!/usr/bin/env bash
# A Darwin image, built elsewhere as ARCHIVE (docker save), as the leg ENTRY of this run.
# STAGING is a repository to push it to first; its tag there is collected with old anchors.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=run_facts.sh
. "$(dirname "$0")/run_facts.sh"

tag=keepalive-$(date -u +%Y%m%d)-$RUN_ID-staged-${ENTRY//[!A-Za-z0-9._-]/-}
skopeo copy --quiet --retry-times 5 --dest-authfile "$DOCKER_CONFIG/config.json" \
  ${PLAIN_HTTP:+--dest-tls-verify=false} "docker-archive:$ARCHIVE" "docker://$STAGING:$tag"
command=(localai-ci receipt --entry "$ENTRY" --image "$STAGING:$tag" --run-id "$RUN_ID"
  --run-url "$RUN_URL" --revision "$SHA" --output out/receipts)
if [ -n "${REGISTRIES:-}" ]; then command+=(--registries "$REGISTRIES"); fi
"${command[@]}"
