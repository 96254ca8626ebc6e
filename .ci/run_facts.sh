# shellcheck shell=bash
# What a run is called, by whichever CI it is of; what is set already stays.
: "${RUN_ID:=${GITHUB_RUN_ID:-${CI_PIPELINE_ID:-}}}"
: "${SHA:=${GITHUB_SHA:-${CI_COMMIT_SHA:-}}}"
: "${EVENT:=${GITHUB_EVENT_NAME:-}}"
: "${REF:=${GITHUB_REF:-}}"
if [ -z "${RUN_URL:-}" ]; then
  RUN_URL=${CI_PIPELINE_URL:-}
  if [ -n "${GITHUB_RUN_ID:-}" ]; then
    RUN_URL=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID
  fi
fi
