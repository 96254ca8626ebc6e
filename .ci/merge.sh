#!/usr/bin/env bash
# Merge all receipts of a run, signed; the record stays in RESULT, whatever became of it.
#
#   RECEIPTS   the folder of all receipts         PLAN      the run's plan.json
#   RESULT     merge-result.json                  EPOCH     seconds, one value a run
#   IDENTITY   regexp for keyless certificates    ISSUER  who vouches; empty: GitHub
#   SIGN_KEY, VERIFY_KEY  instead of both, with a key
#   REGISTRIES a registries.yaml, or empty
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=run_facts.sh
. "$(dirname "$0")/run_facts.sh"

result=${RESULT:-merge-result.json}
receipts=${RECEIPTS:-out/receipts}
mkdir -p "$receipts" # none came where every leg failed: the plan then says what is missing
command=(localai-ci merge --receipts "$receipts" --plan "${PLAN:-plan/plan.json}"
  --event "$EVENT" --ref "$REF" --sha "$SHA" --run-id "$RUN_ID" --result "$result" --provenance)
if [ -n "${EPOCH:-}" ]; then command+=(--epoch "$EPOCH"); fi
if [ -n "${REGISTRIES:-}" ]; then command+=(--registries "$REGISTRIES"); fi
if [ -n "${SIGN_KEY:-}" ]; then
  command+=(--sign --sign-key "$SIGN_KEY" --verify-key "$VERIFY_KEY")
else
  if [ -n "${GITHUB_ACTIONS:-}" ] && [ -z "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ]; then
    # cosign would ask a browser for a login, and wait five minutes for nobody.
    fail "this job has no token to sign with" "give it the permission id-token: write"
  fi
  command+=(--sign --verify-identity "${IDENTITY:?the regexp that signatures are verified by}")
  if [ -n "${ISSUER:-}" ]; then command+=(--verify-issuer "$ISSUER"); fi
fi

code=0
"${command[@]}" || code=$?
if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -e "$result" ]; then
  localai-ci summary --result "$result" --identity "${IDENTITY:-}" \
    --issuer "${ISSUER:-}" >>"$GITHUB_STEP_SUMMARY"
fi
exit "$code"
