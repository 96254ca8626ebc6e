#!/usr/bin/env bash
# Decide what a run builds: outputs for the jobs, plan/ with the plan in all forms.
#   TREE  a checkout of LocalAI with its history   BUILT  registry to ask what is built, or empty
#   REGISTRIES  a registries.yaml, or empty
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# One week for the whole run, and one moment: a rerun gives the same tags.
week=$(date -u +%G-W%V)
command=(localai-ci plan --ci github --source "${TREE:-.}" --pack --blocks 1 --refresh "$week"
  --epoch "$week" --write json=plan/plan.json --write html=plan/plan.html
  --write markdown=plan/plan.md --format github)
if [ -n "${BUILT:-}" ]; then command+=(--built "$BUILT"); fi
if [ -n "${REGISTRIES:-}" ]; then command+=(--registries "$REGISTRIES"); fi
"${command[@]}" >plan.outputs
cat plan.outputs >>"${GITHUB_OUTPUT:-/dev/stdout}"
printf 'week=%s\nepoch=%s\n' "$week" "$(date +%s)" >>"${GITHUB_OUTPUT:-/dev/stdout}"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat plan/plan.md >>"$GITHUB_STEP_SUMMARY"; fi
