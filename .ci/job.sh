#!/usr/bin/env bash
# Build one job of a plan, and publish its legs where PUBLISH is true. OUT then holds receipts,
# summary.md, report.json, and `failed` if an entry failed.
#
#   TREE       the checkout of LocalAI, with its .git      KIND     backends or images
#   ENTRIES    ids, with blanks between them               PUBLISH  true or false
#   OUT        where to; must not be there yet             WEEK     2026-W47, or empty
#   REGISTRIES a registries.yaml, or empty                 TRUST    release or pull-request
#   CCACHE, MIRROR, APT_MIRROR, APT_PORTS_MIRROR, SMOKE, BASE_IMAGE: as the flags, or empty
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=run_facts.sh
. "$(dirname "$0")/run_facts.sh"

tree=$(cd "${TREE:-.}" && pwd)
out=${OUT:-out}
mkdir -p "$(dirname "$out")"
out=$(cd "$(dirname "$out")" && pwd)/$(basename "$out")

if [ "${PUBLISH:-false}" = true ] && [ "${TRUST:-}" = pull-request ]; then
  # Never where images are published, whatever a tree says: repositories that are emptied every week.
  localai-ci registries pull-requests ${REGISTRIES:+--registries "$REGISTRIES"} >"$out.registries.json"
  REGISTRIES=$out.registries.json
fi
# shellcheck source=settings.sh
. "$(dirname "$0")/settings.sh"
job=() last=(build)
flag job --refresh "${WEEK:-}"
flag job --trust "${TRUST:-}"
flag job --ccache "${CCACHE:-}"
flag job --smoke "${SMOKE:-}"
flag job --base-image "${BASE_IMAGE:-}"
if [ "${PUBLISH:-false}" = true ]; then
  last=(publish "--run-id=$RUN_ID" "--run-url=$RUN_URL" "--revision=$SHA")
  if [ -n "${CCACHE:-}" ]; then last+=(--ccache-save); fi
fi

cd "$home"
./daggerw --progress=plain -m . call -o "$out" "${settings[@]}" \
  job "--source=$tree" "--kind=${KIND:-backends}" "--entries=$ENTRIES" "${job[@]}" "${last[@]}"

if [ "${PUBLISH:-false}" = true ] && [ "${TRUST:-}" = pull-request ]; then
  {
    printf '\nTo be pulled for a week:\n\n'
    sed -n 's/^ *"\([^"]*\)": "\([^"]*:keepalive-[^"]*\)",\{0,1\}$/    docker pull \2/p' "$out"/receipts/*.json
  } >>"$out/summary.md"
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$out/summary.md" >>"$GITHUB_STEP_SUMMARY"; fi
# Elsewhere a job is one script; in GitHub the receipts are kept first, then a step looks.
if [ -z "${GITHUB_ACTIONS:-}" ] && [ -e "$out/failed" ]; then
  cat "$out/failed" >&2
  exit 1
fi
