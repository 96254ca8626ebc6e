#!/usr/bin/env bash
set -euo pipefail
case $NAME in '' | *[\":\<\>\|\*\?\\/$'\r\n']*) echo "the artifact name is not valid: $NAME" >&2; exit 1 ;; esac
to=$LAB_ARTIFACTS/$NAME
shopt -s nullglob
if [ -d "$FROM" ]; then files=("${FROM%/}"/*); else files=($FROM); fi
if [ ${#files[@]} = 0 ]; then
  echo "no files were found in $FROM"
  if [ "$IF_NONE" = error ]; then exit 1; fi
  exit 0
fi
if [ -e "$to" ]; then
  if [ "$OVERWRITE" != true ]; then echo "Conflict: an artifact with this name already exists: $NAME" >&2; exit 1; fi
  rm -rf "$to"
fi
mkdir -p "$to"
cp -R "${files[@]}" "$to"
