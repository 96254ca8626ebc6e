#!/usr/bin/env bash
set -euo pipefail
rm -rf "$WHERE"
if [ "$WHERE" = localai-ci ]; then
  cp -R "$LAB_MODULE" "$WHERE"
  exit
fi
git init --quiet "$WHERE"
depth=()
if [ "$DEPTH" != 0 ]; then depth=(--depth "$DEPTH"); fi
git -C "$WHERE" fetch --quiet "${depth[@]}" "file://$LAB_TREE" "$GITHUB_SHA"
git -C "$WHERE" checkout --quiet "$GITHUB_SHA"
