#!/usr/bin/env bash
set -euo pipefail
shopt -s nullglob
mkdir -p "$WHERE"
if [ -n "$NAME" ]; then
  if [ ! -d "$LAB_ARTIFACTS/$NAME" ]; then echo "Artifact not found for name: $NAME" >&2; exit 1; fi
  cp -R "$LAB_ARTIFACTS/$NAME/." "$WHERE"
  exit
fi
for one in "$LAB_ARTIFACTS"/$PATTERN; do
  if [ ! -d "$one" ]; then continue; fi
  if [ "$TOGETHER" = true ]; then to=$WHERE; else to=$WHERE/$(basename "$one"); fi
  mkdir -p "$to"
  cp -R "$one/." "$to"
done
