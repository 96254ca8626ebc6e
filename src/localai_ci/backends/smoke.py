"""Start a backend from its image, and ask it for its gRPC `Health`.

LocalAI unpacks an image and starts its run.sh beside itself, so the smoke test does the same in
a plain image of the release: nothing of a compiler is there to lend a library.
"""

import re
import time
from dataclasses import asdict, dataclass
from enum import StrEnum

import anyio
from dagger import Container, DaggerError, Directory, ReturnType, Service

from localai_ci import json_text
from localai_ci.bases.step import SHELL
from localai_ci.errors import LocalaiCiError
from localai_ci.text import printable

PORT = 50051
PATIENCE = 120
"""Seconds from start to answer; no backend loads a model before it answers."""
_HOST = "backend"
_FOLDER = "/backend"
_LAST_LINES, _SHOWN = 12, 500

# gRPC over HTTP/2 in the clear: an empty message, with its five bytes of frame in front.
_ASK = r"""
printf '\0\0\0\0\0' >/tmp/request
for _ in $(seq 600); do
  if curl --silent --show-error --max-time 10 --http2-prior-knowledge --request POST \
    --header 'content-type: application/grpc' --header 'te: trailers' \
    --data-binary @/tmp/request --dump-header /tmp/head --output /tmp/answer \
    "http://$1/backend.Backend/Health" 2>/tmp/error; then
    tr -d '\r' </tmp/head
    echo
    od -An -v -tx1 /tmp/answer
    exit 0
  fi
  sleep 0.2
done
cat /tmp/error >&2
exit 1
"""


class SmokeChoice(StrEnum):
    """Which legs are started before they are published."""

    auto = "auto"
    """Those that need no accelerator's driver to start."""

    always = "always"
    """All."""

    never = "never"
    """None."""


@dataclass(frozen=True)
class Health:
    """What a backend answered.

    Attributes:
        answer: The reply's message.
        seconds: From its start to the answer.
    """

    answer: str
    seconds: float

    def as_json(self) -> str:
        """For programs."""
        return json_text.write(asdict(self))

    def as_line(self, entry: str) -> str:
        """For people."""
        return f"{entry}: Health answered {self.answer!r} after {self.seconds:.1f} s"


async def smoke(entry: str, package: Directory, plain: Container, client: Container) -> Health:
    """Start the backend and wait for its answer.

    Args:
        entry: Its id, for errors.
        package: The files of its image.
        plain: What it runs in: only a shell and the C library of its release.
        client: What asks; has curl.

    Raises:
        LocalaiCiError: no healthy answer came; with exit code, last lines, missing library.
    """
    command = [f"{_FOLDER}/run.sh", "--addr", f"0.0.0.0:{PORT}"]
    ready = plain.with_directory(_FOLDER, package).with_env_variable("STARTED", str(time.time_ns()))
    ready = await ready.sync()
    service = ready.with_exposed_port(PORT).as_service(args=command)
    began = time.monotonic()
    try:
        with anyio.fail_after(PATIENCE):
            said = await _ask(service, client)
    except (DaggerError, TimeoutError) as e:
        raise await _why(entry, ready, command, e) from None
    return Health(read(entry, said), round(time.monotonic() - began, 2))


async def _ask(service: Service, client: Container) -> str:
    asking = client.with_service_binding(_HOST, service)
    asking = asking.with_env_variable("ASKED", str(time.time_ns()))
    return await asking.with_exec([*SHELL, _ASK, "ask", f"{_HOST}:{PORT}"]).stdout()


async def _why(
    entry: str, ready: Container, command: list[str], error: Exception
) -> LocalaiCiError:
    """Start it once more, as a command: a service takes its exit code and its log with it."""
    again = ready.with_exec(["timeout", "10", *command], expect=ReturnType.ANY)
    code = await again.exit_code()
    lines = f"{await again.stdout()}\n{await again.stderr()}".strip().splitlines()
    return explain(entry, code, lines, error)


_STILL_RUNS = 124  # timeout's own


def explain(entry: str, code: int, lines: list[str], error: Exception) -> LocalaiCiError:
    """Why no answer came, from how the backend ended and what it said last. Pure."""
    text = "\n".join(lines)
    library = re.search(r"(\S+): cannot open shared object file", text)
    if library:
        what = f"{printable(library[1])[:_SHOWN]} is missing from the package"
    elif code == _STILL_RUNS:
        reason = "no answer came in time" if isinstance(error, TimeoutError) else str(error)
        what = f"it runs, but its Health does not answer on port {PORT} ({_first(reason)})"
    else:
        what = f"it ended with exit code {code} before it answered"
    tail = "".join(f"\n    {printable(line)[:_SHOWN]}" for line in lines[-_LAST_LINES:])
    return LocalaiCiError(
        f"the backend did not come up: {what}{tail}",
        where=entry,
        remedy="Its image is sound only if run.sh starts it beside nothing but a C library.",
    )


def read(entry: str, said: str) -> str:
    """The message of a reply: what the client printed, head, empty line, bytes in hex. Pure.

    Raises:
        LocalaiCiError: it is not a healthy answer.
    """
    head, _, body = said.rpartition("\n\n")
    status = re.search(r"^grpc-status: *(\d+)", head, re.MULTILINE)
    try:
        data = bytes.fromhex("".join(body.split()))
    except ValueError:
        data = b""
    frame, message = data[:5], data[5:]
    if not status or status[1] != "0" or len(frame) < 5:  # noqa: PLR2004 - a frame's head
        raise LocalaiCiError(
            f"Health answered, but is not well: {printable(' '.join(head.split()))[:_SHOWN]}",
            where=entry,
            remedy="The service is not backend.Backend, or it refuses; see its log.",
        )
    # A Reply's only field that Health sets is the first one: bytes, tag 0x0a, then the length.
    if message[:1] == b"\x0a" and len(message) > 1:
        message = message[2 : 2 + message[1]]
    return printable(message.decode("utf-8", "replace"))[:_SHOWN]


def _first(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
