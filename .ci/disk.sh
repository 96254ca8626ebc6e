#!/usr/bin/env bash
# Measure the disk that builds go to, and make room only if the job needs more than there is.
# NEED: gigabytes; 0 only measures. What is removed are a hosted runner's toolchains, never others'.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

need=${NEED:-0}
case $need in '' | *[!0-9]*) fail "NEED is '$need', expected whole gigabytes" ;; esac

root=$(docker info --format '{{.DockerRootDir}}' 2>/dev/null || true)
if [ ! -d "$root" ]; then root=${LOCALAI_CI_CACHE:-$HOME}; fi
free() { df --output=avail --block-size=1G "$root" | tail -n 1 | tr -d ' '; }

before=$(free)
echo "$before GB free where builds go ($root), $need needed"
if [ "$before" -ge "$need" ]; then exit 0; fi
if [ "${RUNNER_ENVIRONMENT:-}" != github-hosted ]; then
  echo "::warning::$before GB free in $root and $need needed; this machine is not GitHub's, so nothing is removed"
  exit 0
fi
# The largest first; stop as soon as there is enough.
for path in ${UNNEEDED:-/usr/local/lib/android /usr/share/dotnet /opt/hostedtoolcache/CodeQL \
  /usr/local/.ghcup /opt/ghc /usr/share/swift /usr/local/share/powershell /usr/lib/google-cloud-sdk \
  /usr/local/julia*}; do
  if [ -e "$path" ]; then
    sudo rm -rf --one-file-system -- "$path"
    echo "removed $path: $(free) GB free"
  fi
  if [ "$(free)" -ge "$need" ]; then exit 0; fi
done
docker image prune --all --force >/dev/null
echo "removed images that came with the runner: $(free) GB free"
if [ "$(free)" -lt "$need" ]; then
  echo "::warning::$(free) GB free in $root after all was removed, and $need needed"
fi
