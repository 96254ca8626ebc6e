# shellcheck shell=bash
# Read by every job of a GitLab pipeline (`. gitlab.sh`): console, tools, logins, and what the run is called.
# The engine comes with a runner that has Docker; else it is the native one.
LOCALAI_CI_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LOCALAI_CI_HOME

# The scripts tell each other by the files that GitHub has for it.
GITHUB_PATH=$(mktemp) GITHUB_ENV=$(mktemp)
export GITHUB_PATH GITHUB_ENV
"$LOCALAI_CI_HOME/.ci/console.sh"
if [ "${ENTRIES:-}" ]; then "$LOCALAI_CI_HOME/.ci/tools.sh" dagger; fi
if [ "${CI_JOB_NAME:-}" = merge ]; then "$LOCALAI_CI_HOME/.ci/tools.sh" cosign; fi
while read -r folder; do PATH=$folder:$PATH; done <"$GITHUB_PATH"
"$LOCALAI_CI_HOME/.ci/login.sh"
while IFS='=' read -r name value; do export "$name=$value"; done <"$GITHUB_ENV"
rm -f "$GITHUB_PATH" "$GITHUB_ENV"
unset GITHUB_PATH GITHUB_ENV

# One moment and one week for the whole run: those of the pipeline, not of the job.
EPOCH=$(date -d "${CI_PIPELINE_CREATED_AT:-now}" +%s)
WEEK=$(date -u -d "@$EPOCH" +%G-W%V)
case ${STARTED_BY:-${CI_PIPELINE_SOURCE:-}} in
  push | schedule) EVENT=${STARTED_BY:-$CI_PIPELINE_SOURCE} ;;
  merge_request_event) EVENT=pull_request ;;
  *) EVENT=workflow_dispatch ;;
esac
if [ -n "${CI_COMMIT_TAG:-}" ]; then
  EVENT=push REF=refs/tags/$CI_COMMIT_TAG
else
  REF=refs/heads/${CI_COMMIT_BRANCH:-${CI_DEFAULT_BRANCH:-master}}
fi
IDENTITY=${LOCALAI_CI_IDENTITY:-} ISSUER=${CI_SERVER_URL:-}
export EPOCH WEEK EVENT REF IDENTITY ISSUER PATH
