#!/usr/bin/env bash
# Install programs of tools.txt, by checksum: tools.sh dagger cosign
# LOCALAI_CI_MIRROR fetches https://HOST/PATH from MIRROR/HOST/PATH, as everywhere in this project.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $(uname -m) in
  x86_64) arch=amd64 ;;
  aarch64) arch=arm64 ;;
  *) fail "there are no programs for $(uname -m) in tools.txt" ;;
esac

fetch() { # URL FILE
  local url=$1 try
  if [ -n "${LOCALAI_CI_MIRROR:-}" ]; then url="$LOCALAI_CI_MIRROR/${1#https://}"; fi
  # 100 jobs of one run start at once, and hosts answer some of them with 429: wait longer each time,
  # and not all as long. curl --retry keeps Retry-After and gives up on what another try cannot fix.
  for try in 1 2 3 4; do
    if curl --fail --silent --show-error --location --proto '=https,http' --connect-timeout 20 \
      --max-time 600 --retry 3 --retry-max-time 300 --output "$2" "$url"; then
      return
    fi
    if [ "$try" -lt 4 ]; then sleep "$((try * ${RETRY_SECONDS:-10} + RANDOM % (${RETRY_SECONDS:-10} + 1)))"; fi
  done
  fail "$url did not come, tried $((4 * 4)) times" "see what the lines above say; run the job again"
}

install_tool() { # NAME
  local name version system sha url found=''
  while read -r name version system sha url; do
    if [ "$name" = "$1" ] && [ "$system" = "$arch" ]; then
      found=1
      break
    fi
  done <"$home/.ci/tools.txt"
  if [ -z "$found" ]; then fail "tools.txt has no $1 for $arch"; fi

  local folder
  folder=$(kept)/$name-$version-$arch-${sha:0:12}
  mkdir -p "$(dirname "$folder")"
  exec 9>"$folder.lock"
  flock 9
  if [ ! -x "$folder/$name" ]; then
    local work
    work=$(mktemp -d "$folder.XXXXXX")
    fetch "$url" "$work/fetched"
    echo "$sha  $work/fetched" | sha256sum --check --strict --quiet ||
      fail "$url is not what tools.txt says (sha256 $sha)" \
        "if upstream replaced it, ask why before you change the checksum"
    case $url in
      *.tar.gz) tar -xzf "$work/fetched" -C "$work" "$name" ;;
      *) mv "$work/fetched" "$work/$name" ;;
    esac
    chmod 0755 "$work/$name"
    rm -f "$work/fetched"
    mkdir -p "$folder"
    mv "$work/$name" "$folder/$name"
    rmdir "$work"
  fi
  exec 9>&-
  keep_path "$folder"
  echo "$name $version, by its checksum"
}

for tool in "$@"; do
  if [ "$tool" = dagger ] && [ "${LOCALAI_CI_ENGINE:-}" = native ]; then
    echo "dagger: the native engine brings its own"
    continue
  fi
  install_tool "$tool"
  if [ "$tool" = dagger ] && [ -z "${_EXPERIMENTAL_DAGGER_RUNNER_HOST:-}" ] &&
    docker ps >/dev/null 2>&1; then
    # The CLI would take its engine by a tag.
    read -r _ version _ sha place < <(grep '^engine ' "$home/.ci/tools.txt")
    keep _EXPERIMENTAL_DAGGER_RUNNER_HOST "docker-image://$place:v$version@sha256:$sha"
  fi
done
