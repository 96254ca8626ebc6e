#!/usr/bin/env bash
# Collect old tags: shows them, and deletes them where DELETE is true.
#   TREE  a checkout of LocalAI   DAYS, PULL_REQUEST_DAYS  ages   BUILT  a registry   REGISTRIES  or empty
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d "$(scratch)/gc.XXXXXX")
trap 'rm -rf "$work"' EXIT
file=() delete=()
if [ -n "${REGISTRIES:-}" ]; then file=(--registries "$REGISTRIES"); fi
if [ "${DELETE:-false}" = true ]; then delete=(--delete); fi
everything=(localai-ci plan --source "${TREE:-.}" --event schedule --format json)

code=0
week=$(date -u +%G-W%V)
"${everything[@]}" "${file[@]}" --built "$BUILT" --refresh "$week" --epoch "$week" >"$work/used.json"
localai-ci gc "${file[@]}" --older-than "$DAYS" --plan "$work/used.json" "${delete[@]}" || code=$?

# Nothing of a pull request is in use by its age: a plan that found nothing built names nothing.
if localai-ci registries pull-requests "${file[@]}" >"$work/pull-requests.yaml"; then
  "${everything[@]}" >"$work/nothing.json"
  localai-ci gc --registries "$work/pull-requests.yaml" --older-than "$PULL_REQUEST_DAYS" \
    --plan "$work/nothing.json" "${delete[@]}" || code=$?
fi
exit "$code"
