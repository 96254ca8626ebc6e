"""How registries differ from the specification, as faults of the proxy before a plain registry.

docs/reference/registries.md says who was seen to do what, and where it is told.
"""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from registries.http11 import Answer, Request, Response
from registries.proxy import After, Before, Fault, answering

ALWAYS = 10**6
MANIFEST = "/manifests/"


def said(status: int, code: str, **headers: str) -> Before:
    """A refusal in the specification's form."""
    body = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answering(status, named, body)


def without(*names: str, **others: str) -> After:
    """The registry's answer without some headers, and with others."""
    changed = {name.replace("_", "-"): value for name, value in others.items()}

    def after(_: Request, answer: Response) -> Answer:
        kept = {k: v for k, v in answer.headers.items() if k not in {*names, *changed}}
        return replace(answer, headers=kept | changed)

    return after


def each(number: int, before: Before) -> Before:
    """So answered is each of so many requests, the first one too."""
    count = itertools.count()
    return lambda request: request if next(count) % number else before(request)


def missing_as(status: int) -> After:
    """What is not there is answered so, instead of 404."""
    return lambda _, answer: replace(answer, status=status) if answer.status == 404 else answer


def pages_of(number: int) -> Before:
    """Whatever a client asks for, a page has no more."""
    return lambda request: replace(request, target=request.target.replace("n=1000", f"n={number}"))


def bare_link(_: Request, answer: Response) -> Answer:
    """A link without its brackets."""
    link = answer.headers.get("link", "").replace("<", "").replace(">", "")
    return replace(answer, headers=answer.headers | ({"link": link} if link else {}))


def late(number: int) -> tuple[Before, After]:
    """After each PUT of a tag, the first questions for it are answered as before it."""
    unseen: dict[str, int] = {}

    def put(request: Request, answer: Response) -> Answer:
        unseen[request.path] = number
        return answer

    def ask(request: Request) -> Request | Answer:
        left = unseen.get(request.path, 0)
        unseen[request.path] = left - 1
        return Response(404) if left > 0 else request

    return ask, put


def until_put_again(before: Before) -> Before:
    """An index is refused until both legs were put by digest since."""
    legs: set[str] = set()

    def decide(request: Request) -> Request | Answer:
        if b'"manifests"' not in request.body:
            legs.add(request.path)
            return request
        return request if len(legs) >= 4 else before(request)  # pushed once, put again once

    return decide


@dataclass(frozen=True)
class Manners:
    """One registry's.

    Attributes:
        faults: What the proxy does.
        deletes: Whether tags go by their name.
        referrers: Whether the registry behind has the referrers API.
        checks: Whether it takes no index whose legs are not there.
    """

    faults: Callable[[], Sequence[Fault]]
    deletes: bool = True
    referrers: bool = True
    checks: bool = True


def _always(
    method: str, path: str, *, before: Before | None = None, after: After | None = None
) -> Fault:
    return Fault(method, path, times=ALWAYS, before=before, after=after)


def _docker_hub() -> Sequence[Fault]:
    busy = answering(429, {"Retry-After": "1"}, b"Too Many Requests (HAP429).\n")
    return [
        _always("DELETE", MANIFEST, before=said(405, "UNSUPPORTED")),
        Fault("PUT", "v4.2.2", before=busy),
        Fault("GET", "tags/list", before=busy),
    ]


def _ghcr() -> Sequence[Fault]:
    ask, put = late(3)
    return [
        _always("GET", "/referrers/", before=said(404, "MANIFEST_UNKNOWN")),
        _always("GET|HEAD", "manifests/latest-", before=ask),
        _always("PUT", "manifests/latest-", after=put),
    ]


def _ecr() -> Sequence[Fault]:
    silent = without("docker-content-digest")
    return [
        Fault("PUT", MANIFEST, before=said(503, "TOOMANYREQUESTS")),
        Fault("PUT", MANIFEST, times=3, before=each(2, said(429, "TOOMANYREQUESTS"))),
        _always("GET|HEAD|PUT", MANIFEST, after=silent),
    ]


def _google() -> Sequence[Fault]:
    page = answering(200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Sign in</title>")
    return [
        _always("HEAD", MANIFEST, before=answering(405)),
        _always("GET", "/referrers/", before=answering(302, {"Location": "/v3/signin?continue=x"})),
        _always("GET", "^/v3/signin", before=page),
    ]


def _azure() -> Sequence[Fault]:
    return [_always("GET", "tags/list", before=pages_of(1))]


def _gitlab() -> Sequence[Fault]:
    return [
        _always("POST", "mount=", before=said(401, "UNAUTHORIZED")),
        _always("DELETE", MANIFEST, before=said(400, "DIGEST_INVALID")),
    ]


def _harbor() -> Sequence[Fault]:
    return [
        _always("POST", "mount=", before=said(403, "DENIED")),
        # Immutable tags: even the same image under the same name.
        Fault("PUT", "v4.2.2", before=lambda request: request, after=_done_but(412)),
    ]


def _done_but(status: int) -> After:
    return lambda _, __: Response(status)


def _jfrog() -> Sequence[Fault]:
    return [
        _always("HEAD", MANIFEST, after=missing_as(403)),
        _always("GET", MANIFEST, after=without(content_type="application/json")),
    ]


def _quay() -> Sequence[Fault]:
    return [
        _always("PUT", MANIFEST, before=until_put_again(said(400, "MANIFEST_INVALID"))),
        Fault("GET", "tags/list", before=answering(429)),
        Fault("POST", "uploads", before=answering(502)),
        _always("GET", "tags/list", after=bare_link),
        _always("PUT", MANIFEST, after=without("oci-subject")),
    ]


def _distribution() -> Sequence[Fault]:
    return [_always("DELETE", MANIFEST, before=said(405, "UNSUPPORTED"))]


def _zot() -> Sequence[Fault]:
    return []


REGISTRIES: Mapping[str, Manners] = {
    "quay": Manners(_quay),
    "Docker Hub": Manners(_docker_hub, deletes=False),
    "GHCR": Manners(_ghcr),
    "ECR": Manners(_ecr),
    "GAR": Manners(_google),
    "ACR": Manners(_azure),
    "GitLab": Manners(_gitlab, deletes=False),
    "Harbor": Manners(_harbor),
    "JFrog": Manners(_jfrog),
    "distribution": Manners(_distribution, deletes=False, referrers=False),
    "zot": Manners(_zot, checks=False),
}
