"""A registry in memory with what Debian's lacks: referrers, tag deletion, resumable uploads.

Judged by the OCI conformance program (docs/reference/registries.md says with what result).
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from registries.http11 import Answer, Request, Response, serving

_ROUTE = re.compile(
    r"/v2/(?P<name>[a-z0-9._/-]+?)/(?P<kind>blobs/uploads|blobs|manifests|tags|referrers)/(?P<what>[^/]*)"
)
_INDEX = "application/vnd.oci.image.index.v1+json"
_NAMES = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")


def _fault(status: int, code: str) -> Response:
    return Response(status, body=json.dumps({"errors": [{"code": code}]}).encode())


def _digest(data: bytes, like: str = "sha256:") -> str:
    algorithm = like.partition(":")[0]
    if algorithm not in {"sha256", "sha512"}:
        return ""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@dataclass
class Repo:
    blobs: set[str] = field(default_factory=set)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Registry:
    """All state, and the switches of its behaviour."""

    referrers: bool = True
    immutable: bool = False
    least_chunk: int = 0
    checks: bool = True
    """Whether what a manifest names must be there."""
    address: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    store: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)

    async def handle(self, request: Request) -> Answer:
        if request.path in {"/v2/", "/v2"}:
            return Response(200)
        route = _ROUTE.fullmatch(request.path)
        if route is None or not _NAMES.fullmatch(route["name"]):
            return _fault(404, "NAME_UNKNOWN")
        repo = self.repos.setdefault(route["name"], Repo())
        kinds = {
            "blobs/uploads": self._upload,
            "blobs": self._blob,
            "manifests": self._manifest,
            "tags": self._tags,
            "referrers": self._referrers,
        }
        return kinds[route["kind"]](request, route["name"], repo, route["what"])

    def _blob(self, request: Request, _: str, repo: Repo, digest: str) -> Answer:
        if digest not in repo.blobs or digest not in self.store:
            return _fault(404, "BLOB_UNKNOWN")
        if request.method == "DELETE":
            repo.blobs.discard(digest)
            return Response(202)
        data = self.store[digest]
        headers = {"Docker-Content-Digest": digest, "Content-Length": str(len(data))}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if request.method == "HEAD" or not asked:
            return Response(200, headers, b"" if request.method == "HEAD" else data)
        first, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
        if first > last:
            return Response(416)
        part = data[first : last + 1]
        return Response(206, {"Content-Range": f"bytes {first}-{last}/{len(data)}"}, part)

    def _upload(self, request: Request, name: str, repo: Repo, session: str) -> Answer:
        query = {key: values[0] for key, values in request.query.items()}
        if request.method == "POST":
            return self._start(request, name, repo, query)
        if session not in self.uploads:
            return _fault(404, "BLOB_UPLOAD_UNKNOWN")
        if request.method == "DELETE":
            del self.uploads[session]
            return Response(204)
        held = self.uploads[session]
        first = request.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
        if request.method in {"PATCH", "PUT"}:
            if first and int(first) != len(held):
                return Response(416, self._where(name, session))
            held += request.body
        if request.method == "PUT":
            return self._finish(name, repo, query.get("digest", ""), session)
        return Response(202 if request.method == "PATCH" else 204, self._where(name, session))

    def _start(self, request: Request, name: str, repo: Repo, query: dict[str, str]) -> Answer:
        mounted = query.get("mount", "")
        source = self.repos.get(query.get("from", ""), Repo())
        if mounted and mounted in source.blobs and mounted in self.store:
            repo.blobs.add(mounted)
            return self._created(name, "blobs", mounted)
        session = str(uuid.uuid4())
        self.uploads[session] = bytearray(request.body)
        if "digest" in query:
            return self._finish(name, repo, query["digest"], session)
        headers = self._where(name, session)
        if self.least_chunk:
            headers["OCI-Chunk-Min-Length"] = str(self.least_chunk)
        return Response(202, headers)

    def _finish(self, name: str, repo: Repo, digest: str, session: str) -> Answer:
        data = bytes(self.uploads.pop(session))
        if _digest(data, digest) != digest:
            return _fault(400, "DIGEST_INVALID")
        self.store[digest] = data
        repo.blobs.add(digest)
        return self._created(name, "blobs", digest)

    def _where(self, name: str, session: str) -> dict[str, str]:
        size = len(self.uploads[session])
        return {
            "Location": f"/v2/{name}/blobs/uploads/{session}",
            "Range": f"0-{max(size - 1, 0)}",
            "Docker-Upload-UUID": session,
        }

    def _created(self, name: str, kind: str, digest: str) -> Response:
        headers = {"Location": f"/v2/{name}/{kind}/{digest}", "Docker-Content-Digest": digest}
        return Response(201, headers)

    def _manifest(self, request: Request, name: str, repo: Repo, what: str) -> Answer:
        if request.method == "PUT":
            return self._put(request, name, repo, what)
        digest = what if ":" in what else repo.tags.get(what, "")
        if digest not in repo.manifests:
            return _fault(404, "MANIFEST_UNKNOWN")
        if request.method == "DELETE":
            if ":" in what:
                del repo.manifests[digest]
                repo.tags = {tag: to for tag, to in repo.tags.items() if to != digest}
            else:
                del repo.tags[what]
            return Response(202)
        media_type, raw = repo.manifests[digest]
        headers = {
            "Content-Type": media_type,
            "Docker-Content-Digest": digest,
            "ETag": f'"{digest}"',
        }
        headers["Content-Length"] = str(len(raw))
        return Response(200, headers, b"" if request.method == "HEAD" else raw)

    def _put(self, request: Request, name: str, repo: Repo, what: str) -> Answer:
        digest = _digest(request.body, what if ":" in what else "sha256:")
        if ":" in what and digest != what:
            return _fault(400, "DIGEST_INVALID")
        expected = request.headers.get("if-match")
        if expected and expected != f'"{repo.tags.get(what, "")}"':
            return Response(412)
        if self.immutable and repo.tags.get(what, digest) != digest:
            return _fault(409, "TAG_IMMUTABLE")
        try:
            data = json.loads(request.body)
        except ValueError:
            return _fault(400, "MANIFEST_INVALID")
        if missing := self._missing(repo, data):
            return _fault(404, missing)
        repo.manifests[digest] = (request.headers.get("content-type", ""), request.body)
        if ":" not in what:
            repo.tags[what] = digest
        answer = self._created(name, "manifests", digest)
        if self.referrers and data.get("subject"):
            answer.headers["OCI-Subject"] = data["subject"]["digest"]
        return answer

    def _missing(self, repo: Repo, data: dict[str, Any]) -> str:
        """The code of what the manifest needs and the repository does not have."""
        if not self.checks:
            return ""
        held = [data.get("config"), *data.get("layers", [])]
        needed = {p["digest"] for p in held if p and "nondistributable" not in p["mediaType"]}
        if any(d not in repo.blobs or d not in self.store for d in needed):
            return "MANIFEST_BLOB_UNKNOWN"
        children = [child["digest"] for child in data.get("manifests") or []]
        return "MANIFEST_UNKNOWN" if any(c not in repo.manifests for c in children) else ""

    def _tags(self, request: Request, name: str, repo: Repo, _: str) -> Answer:
        if not repo.tags and not repo.manifests and not repo.blobs:
            return _fault(404, "NAME_UNKNOWN")
        last = request.query.get("last", [""])[0]
        names = sorted(tag for tag in repo.tags if tag > last)
        count = int(request.query.get("n", ["10000"])[0])
        headers = {"Content-Type": "application/json"}
        if len(names) > count > 0:
            following = f"/v2/{name}/tags/list?n={count}&last={names[count - 1]}"
            headers["Link"] = f'<{following}>; rel="next"'
        body = json.dumps({"name": name, "tags": names[:count]}).encode()
        return Response(200, headers, body)

    def _referrers(self, request: Request, _: str, repo: Repo, digest: str) -> Answer:
        if not self.referrers:
            return _fault(404, "NOT_FOUND")
        rows: list[dict[str, Any]] = []
        for own, (media_type, raw) in sorted(repo.manifests.items()):
            data = json.loads(raw)
            if (data.get("subject") or {}).get("digest") != digest:
                continue
            kind = data.get("artifactType") or data.get("config", {}).get("mediaType", "")
            row = {"mediaType": media_type, "digest": own, "size": len(raw), "artifactType": kind}
            if data.get("annotations"):
                row["annotations"] = data["annotations"]
            rows.append(row)
        headers = {"Content-Type": _INDEX}
        if wanted := request.query.get("artifactType"):
            rows = [row for row in rows if row["artifactType"] == wanted[0]]
            headers["OCI-Filters-Applied"] = "artifactType"
        body = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": rows}
        return Response(200, headers, json.dumps(body).encode())


@contextmanager
def oci_registry(host: str = "127.0.0.1", **switches: Any) -> Iterator[Registry]:
    """Start one on a free port."""
    made = Registry(**switches)
    with serving(made.handle, host=host) as port:
        made.address = f"{host}:{port}"
        yield made
