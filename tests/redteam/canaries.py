"""What is worth stealing on a machine that plans and builds, and whether somebody took it."""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PASSWORD = "canary-registry-password-41f0"
NETRC = "canary-netrc-password-8b21"
SIGNING_KEY = "canary-signing-key-c9d3"
OUTSIDE = "canary-outside-of-the-tree-77e5"
LOOPBACK = "canary-loopback-service-5a6c"
ALL = (PASSWORD, NETRC, SIGNING_KEY, OUTSIDE, LOOPBACK)


@dataclass
class Canaries:
    """The canaries of one test.

    Attributes:
        home: The user's folder, with a netrc, a Docker config and a signing key.
        outside: A file outside of every tree.
        ran: What an attack writes when a program of it has run on this machine.
        port: Of a service on loopback that nobody may ask.
        asked: What it was asked.
    """

    home: Path
    outside: Path
    ran: Path
    port: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the programs under attack."""
        own = {
            name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV") if name in os.environ
        }
        return own | {
            "HOME": str(self.home),
            "DOCKER_CONFIG": str(self.home / ".docker"),
            "COSIGN_KEY": str(self.home / "cosign.key"),
            "COSIGN_PASSWORD": SIGNING_KEY,
            "GITHUB_TOKEN": PASSWORD,
        }

    def taken(self, texts: Mapping[str, str]) -> list[str]:
        """What was taken: canaries by the place where they turned up, programs, requests."""
        found = [f"{name} in {at}" for at, text in texts.items() for name in ALL if name in text]
        found += [f"a program ran: {self.ran.read_text()}"] if self.ran.exists() else []
        return [*found, *(f"loopback was asked for {path}" for path in self.asked)]


@contextmanager
def canaries(folder: Path) -> Iterator[Canaries]:
    """Lay them out."""
    home = folder / "home"
    (home / ".docker").mkdir(parents=True)
    (home / ".netrc").write_text(f"default login canary password {NETRC}\n")
    (home / ".docker/config.json").write_text(
        json.dumps({"auths": {"quay.io": {"username": "u", "password": PASSWORD}}})
    )
    (home / "cosign.key").write_text(SIGNING_KEY)
    outside = folder / "outside"
    outside.write_text(f"{OUTSIDE}: [\n")
    found = Canaries(home, outside, folder / "ran")

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Tell the canary, and remember."""
            found.asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(LOOPBACK.encode())

        do_POST = do_GET  # noqa: N815 - the server's own spelling

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    found.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
