"""A token service as Docker Hub and quay have one, whose tokens Debian's docker-registry trusts."""

import base64
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from registries.debian import program
from registries.http11 import Answer, Request, Response, serving


@dataclass
class TokenService:
    """Gives every scope that is asked for to one user, and pull to anybody else."""

    folder: Path
    user: str
    password: str
    life: int = 300
    address: str = ""
    asked: list[list[str]] = field(default_factory=list)
    """The scopes of each request that came in."""
    answers: list[Response] = field(default_factory=list)
    """Given instead of tokens, first come first served."""

    @property
    def auth(self) -> Mapping[str, Any]:
        """The ``auth`` section of docker-registry's configuration."""
        return {
            "token": {
                "realm": f"http://{self.address}/token",
                "service": "test",
                "issuer": "tests",
                "rootcertbundle": str(self.folder / "cert.pem"),
            }
        }

    async def handle(self, request: Request) -> Answer:
        fields = parse_qs(request.body.decode()) if request.method == "POST" else request.query
        scopes = [part for text in fields.get("scope", []) for part in text.split()]
        self.asked.append(scopes)
        if self.answers:
            return self.answers.pop(0)
        known = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        sent = request.headers.get("authorization", "")
        trusted = sent == f"Basic {known}" or fields.get("refresh_token") == [self.password]
        if sent and not trusted:
            return Response(401, body=b'{"errors":[{"code":"UNAUTHORIZED"}]}')
        return Response(200, body=json.dumps(self.token(scopes, trusted=trusted)).encode())

    def token(self, scopes: list[str], *, trusted: bool) -> dict[str, Any]:
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            granted = [a for a in actions.split(",") if trusted or a == "pull"]
            access.append({"type": kind, "name": name, "actions": granted})
        now = int(time.time())
        claims = {
            "iss": "tests", "sub": self.user, "aud": "test", "jti": str(time.monotonic_ns()),
            "nbf": now - 10, "iat": now, "exp": now + self.life, "access": access,
        }  # fmt: skip
        certificate = (self.folder / "cert.pem").read_text()
        chain = ["".join(certificate.split("-----")[2].split())]
        head = _part({"typ": "JWT", "alg": "RS256", "x5c": chain}) + "." + _part(claims)
        signature = subprocess.run(
            [program("openssl"), "dgst", "-sha256", "-sign", str(self.folder / "key.pem")],
            input=head.encode(),
            check=True,
            capture_output=True,
        ).stdout
        return {"token": f"{head}.{_base64url(signature)}", "expires_in": self.life}


@contextmanager
def token_service(folder: Path, user: str, password: str) -> Iterator[TokenService]:
    """Start one on a free port."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=tests", "-keyout", str(folder / "key.pem"),
            "-out", str(folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    service = TokenService(folder, user, password)
    with serving(service.handle) as port:
        service.address = f"127.0.0.1:{port}"
        yield service


def _part(data: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(data).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
