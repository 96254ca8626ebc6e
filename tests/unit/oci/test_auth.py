"""Signing in, against a stand-in that counts: tokens are few, wide enough and fresh."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.lowlevel
import pytest

from localai_ci.oci.answer import Answer, Headers
from localai_ci.oci.auth import Authorizer, scopes
from localai_ci.oci.challenge import challenge
from localai_ci.oci.credentials import Credential, Keyring
from localai_ci.oci.errors import RegistryError

pytestmark = pytest.mark.anyio
SECRET = "canary-in-a-token-request"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("header", "parsed"),
    [
        ("", {}),
        ("Negotiate", {}),
        ('Basic realm="x"', {"basic": {"realm": "x"}}),
        (
            'Bearer realm="https://a/t",service="s",scope="repository:a/b:pull,push"',
            {
                "bearer": {
                    "realm": "https://a/t",
                    "service": "s",
                    "scope": "repository:a/b:pull,push",
                }
            },
        ),
        (
            'bearer realm="https://a/t?x=1, Basic", Basic realm="b, c"',
            {"bearer": {"realm": "https://a/t?x=1, Basic"}, "basic": {"realm": "b, c"}},
        ),
    ],
)
def test_challenges_are_parsed(header: str, parsed: dict[str, dict[str, str]]) -> None:
    assert challenge(header) == parsed


@dataclass
class Service:
    """Answers the ping with a challenge, and token requests with numbered tokens."""

    challenge: str = 'Bearer realm="https://auth.r.io/token",service="r.io"'
    token: Callable[[int], Any] = lambda n: {"token": f"t{n}", "expires_in": 300}
    status: int = 200
    asked: list[tuple[str, str, Any, Any]] = field(default_factory=list)
    now: float = 0.0

    async def send(self, method: str, url: str, **more: Any) -> Answer:
        await anyio.lowlevel.checkpoint()
        if url.endswith("/v2/"):
            return Answer(401, Headers({"WWW-Authenticate": self.challenge}))
        self.asked.append((method, url, more.get("headers"), more.get("form")))
        body = self.token(len(self.asked))
        return Answer(self.status, body=json.dumps(body).encode())

    def authorizer(self, given: Credential | None = None) -> Authorizer:
        return Authorizer(Keyring({"r.io": given} if given else {}), self.send, lambda: self.now)


async def header(authorizer: Authorizer, *names: str, push: bool = False) -> str | None:
    return await authorizer.header("r.io", "https://r.io", scopes(*names, push=push))


async def test_a_token_serves_until_shortly_before_its_end() -> None:
    service = Service()
    authorizer = service.authorizer()
    assert await header(authorizer, "a") == "Bearer t1"
    service.now = 294
    assert await header(authorizer, "a") == "Bearer t1"
    service.now = 296
    assert await header(authorizer, "a") == "Bearer t2"


@pytest.mark.parametrize("told", [{}, {"expires_in": 0}, {"expires_in": 10}, {"expires_in": None}])
async def test_a_token_that_does_not_say_lives_a_minute(told: dict[str, Any]) -> None:
    service = Service(token=lambda n: {"access_token": f"t{n}", **told})
    authorizer = service.authorizer()
    await header(authorizer, "a")
    service.now = 54
    assert await header(authorizer, "a") == "Bearer t1"
    service.now = 56
    assert await header(authorizer, "a") == "Bearer t2"


async def test_a_hundred_requests_at_once_ask_for_one_token() -> None:
    service = Service()
    authorizer = service.authorizer()
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(header, authorizer, "a")
    assert len(service.asked) == 1


async def test_rights_only_grow() -> None:
    service = Service()
    authorizer = service.authorizer()
    await header(authorizer, "a")
    assert await header(authorizer, "a", push=True) == "Bearer t2"
    assert await header(authorizer, "a") == "Bearer t2"
    assert "scope=repository%3Aa%3Apull%2Cpush" in service.asked[1][1]


async def test_a_mount_asks_for_both_repositories_in_one_token() -> None:
    service = Service()
    await header(service.authorizer(), "a/x", "b/y", push=True)
    scope = parse_qs(urlsplit(service.asked[0][1]).query)["scope"]
    assert scope == ["repository:a/x:pull,push", "repository:b/y:pull"]


async def test_the_password_goes_to_the_token_service_and_not_into_the_address() -> None:
    service = Service()
    await header(service.authorizer(Credential("me", SECRET)), "a")
    _, url, headers, _ = service.asked[0]
    assert headers["Authorization"].startswith("Basic ")
    assert SECRET not in url


async def test_an_identity_token_is_exchanged_by_post() -> None:
    service = Service()
    await header(service.authorizer(Credential("", SECRET, identity=True)), "a", push=True)
    method, url, _, form = service.asked[0]
    assert (method, url) == ("POST", "https://auth.r.io/token")
    assert form["refresh_token"] == SECRET
    assert form["scope"] == "repository:a:pull,push"


async def test_a_password_is_not_sent_in_plain_http() -> None:
    service = Service(challenge='Bearer realm="http://auth.r.io/token"')
    with pytest.raises(RegistryError, match="plain HTTP"):
        await header(service.authorizer(Credential("me", SECRET)), "a")
    assert service.asked == []


async def test_a_refused_token_is_replaced_once_with_what_the_registry_asks_for() -> None:
    service = Service()
    authorizer = service.authorizer()
    wanted = scopes("a")
    used = await header(authorizer, "a")
    asked = service.challenge + ',scope="repository:a:delete",error="insufficient_scope"'
    assert await authorizer.renew("r.io", used, asked, wanted) == "Bearer t2"
    assert "delete%2Cpull" in service.asked[1][1]
    # a second request that was refused with the same old token takes the new one
    assert await authorizer.renew("r.io", used, asked, wanted) == "Bearer t2"
    assert len(service.asked) == 2


async def test_basic_needs_no_token_and_is_not_tried_twice() -> None:
    service = Service(challenge='Basic realm="x"')
    authorizer = service.authorizer(Credential("me", "pw"))
    used = await header(authorizer, "a")
    assert used == "Basic bWU6cHc="
    assert await authorizer.renew("r.io", used, service.challenge, scopes("a")) is None
    assert service.asked == []


async def test_a_refusing_token_service_is_told_with_the_remedy() -> None:
    service = Service(status=401)
    with pytest.raises(RegistryError, match=r"docker login r\.io"):
        await header(service.authorizer(), "a")


@pytest.mark.parametrize("body", [[], {}, {"token": "x", "expires_in": "soon"}, "t"])
async def test_an_answer_without_a_token_is_an_error(body: Any) -> None:
    service = Service(token=lambda _: body)
    with pytest.raises(RegistryError, match="no token"):
        await header(service.authorizer(), "a")
