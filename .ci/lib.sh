# shellcheck shell=bash
# What the scripts of a CI job share. `home` is this checkout, wherever it lies.
# shellcheck disable=SC2034 # for those who read this file
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Tell the steps that follow: in GitHub by its files, elsewhere this shell only.
keep() { # NAME VALUE
  export "$1=$2"
  if [ -n "${GITHUB_ENV:-}" ]; then echo "$1=$2" >>"$GITHUB_ENV"; fi
}
keep_path() { # FOLDER
  export PATH="$1:$PATH"
  if [ -n "${GITHUB_PATH:-}" ]; then echo "$1" >>"$GITHUB_PATH"; fi
}
scratch() { echo "${RUNNER_TEMP:-${TMPDIR:-/tmp}}"; }
# What may outlive the job on a runner that is kept: its names say their content.
kept() { echo "${RUNNER_TOOL_CACHE:-$(scratch)}/localai-ci"; }

fail() { # WHAT [REMEDY]
  printf 'error: %s\n' "$1" >&2
  if [ -n "${2:-}" ]; then printf '  %s\n' "$2" >&2; fi
  exit 1
}
