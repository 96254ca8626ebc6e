#!/usr/bin/env bash
# Install the newest Dagger of SERIES (released or beta) for a nightly run; its checksum is upstream's own.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case ${SERIES:?} in
  released) pattern='^v[0-9]+\.[0-9]+\.[0-9]+$' ;;
  beta) pattern='^v[0-9]+\.[0-9]+\.[0-9]+-' ;;
  *) fail "SERIES is '$SERIES', expected released or beta" ;;
esac
version=$(gh api 'repos/dagger/dagger/releases?per_page=100' --jq '.[].tag_name' |
  grep -E "$pattern" | sort --version-sort | tail -n 1)
if [ -z "$version" ]; then fail "no release of Dagger is called like a $SERIES one"; fi

case $(uname -m) in x86_64) arch=amd64 ;; *) arch=arm64 ;; esac
archive=dagger_${version}_linux_$arch.tar.gz
folder=$(mktemp -d "$(scratch)/dagger.XXXXXX")
cd "$folder"
for file in "$archive" checksums.txt; do
  curl --fail --silent --show-error --location --retry 5 --max-time 300 --output "$file" \
    "https://dl.dagger.io/dagger/releases/${version#v}/$file"
done
grep -F "$archive" checksums.txt | sha256sum --check --strict
tar -xzf "$archive" dagger
keep_path "$folder"
echo "Dagger $version" | tee -a "${GITHUB_STEP_SUMMARY:-/dev/null}"
