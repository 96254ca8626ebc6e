#!/usr/bin/env bash
# What differs between two images of one architecture: compare.sh THEIRS OURS [skopeo's options]
# Files with mode, size, owner and content; links; the configuration without times. Exit code 1: they differ.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

contents() { # IMAGE FOLDER [OPTIONS]
  local image=$1 folder=$2
  shift 2
  skopeo copy --quiet "$@" "docker://$image" "dir:$folder/image"
  python3 - "$folder/image" >"$folder/files" <<'PY'
import hashlib, json, pathlib, sys, tarfile

folder = pathlib.Path(sys.argv[1])
manifest = json.loads((folder / "manifest.json").read_text())
if "layers" not in manifest:
    sys.exit("error: it is an index; name one architecture: --override-arch arm64")
config = json.loads((folder / manifest["config"]["digest"].split(":")[1]).read_text())
for key, value in sorted(config.get("config", {}).items()):
    print("config", key, json.dumps(value, sort_keys=True))
files = {}
for layer in manifest["layers"]:
    path = folder / layer["digest"].split(":")[1]
    with tarfile.open(path) as archive:  # gzip or plain
        for one in archive:
            name = one.name.removeprefix("./").rstrip("/")
            base = name.rpartition("/")[2]
            if base.startswith(".wh."):
                gone = name.replace(".wh.", "", 1)
                for key in [k for k in files if k == gone or k.startswith(gone + "/")]:
                    del files[key]
                continue
            digest = ""
            if one.isreg():
                digest = hashlib.sha256(archive.extractfile(one).read()).hexdigest()[:16]
            files[name] = (one.type.decode("ascii"), oct(one.mode), one.uid, one.gid, one.size,
                           one.linkname, digest)
for name, told in sorted(files.items()):
    print("file", name, *told)
PY
}

[ $# -ge 2 ] || { echo "usage: compare.sh THEIRS OURS [skopeo's options]" >&2; exit 2; }
theirs=$1 ours=$2
shift 2
mkdir "$work/a" "$work/b"
contents "$theirs" "$work/a" "$@"
contents "$ours" "$work/b" "$@"
if diff --unified=0 --label "$theirs" --label "$ours" "$work/a/files" "$work/b/files"; then
  echo "no difference in $(wc -l <"$work/a/files") lines of contents and configuration"
else
  exit 1
fi
