"""Serves a folder, git repositories in it, and faults on demand.

A path that starts with ``/~FAULT~TEXT/`` serves what follows, except that requests whose path
holds TEXT meet the fault: ``404``, ``hang`` (no byte ever comes), ``cut`` (half of the bytes),
``other`` (another file: the one of that path below ``/other``), ``auth`` (who does not sign in
as ``fake`` with the password ``canary-of-a-mirror`` is refused). Any other word is not a fault: it
only tells one test's requests from another's in the log.
So one server answers for a sound mirror and for every broken one, by its URL.

    python3 server.py FOLDER ADDRESS PORT LOG
"""

import base64
import functools
import os
import re
import subprocess
import sys
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HANG_SECONDS = 600
AUTHORIZATION = "Basic " + base64.b64encode(b"fake:canary-of-a-mirror").decode()


class Handler(SimpleHTTPRequestHandler):
    """One request."""

    log: Path
    fault = ""

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """One line a request, for tests that count them."""
        with self.log.open("a") as file:
            file.write(f"{self.command} {self.requestline.split()[1]} {code} {size}\n")

    def _route(self) -> bool:
        """Strip the fault's prefix; whether the request is answered as usual."""
        found = re.match(r"/~(\w+)~([^/]*)(/.*)", self.path)
        if found:
            fault, text, self.path = found.groups()
            self.fault = fault if text in self.path else ""
        if self.fault == "auth" and self.headers.get("Authorization") != AUTHORIZATION:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="fake"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False
        if self.fault == "other":
            self.path = f"/other{self.path}"
        if self.fault == "404":
            self.send_error(404)
        if self.fault == "hang":
            time.sleep(HANG_SECONDS)
        return self.fault not in {"404", "hang"}

    def do_GET(self) -> None:
        """A file, or git's own protocol."""
        if not self._route():
            return
        if "service=git-upload-pack" in self.path:
            self._git()
        elif self.fault == "cut":
            self._cut()
        else:
            super().do_GET()

    def do_POST(self) -> None:
        """Only git posts."""
        if self._route():
            self._git()

    def _cut(self) -> None:
        content = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    def _git(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        environment = os.environ | {
            "GIT_PROJECT_ROOT": self.directory,
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "CONTENT_LENGTH": str(length),
        }
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", "http-backend"],
            input=self.rfile.read(length),
            env=environment,
            capture_output=True,
            check=True,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def main(folder: str, address: str, port: str, log: str) -> None:
    """Serve until the process is ended."""
    Handler.log = Path(log)

    handler = functools.partial(Handler, directory=folder)
    ThreadingHTTPServer((address, int(port)), handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
