"""The host's own certificate authorities, for the engine and for every container."""

import hashlib
import re
from pathlib import Path

BUNDLE = "etc/ssl/certs/ca-certificates.crt"
CUSTOM = "usr/local/share/ca-certificates"

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def copy(target: Path, root: Path, host: Path = Path("/")) -> None:
    """Give the engine each authority that the host trusts and Debian does not ship.

    The engine updates its own bundle from that folder and puts the same into containers.
    """
    folder = target / CUSTOM
    folder.mkdir(parents=True)
    known = _read(root / BUNDLE)
    trusted = _read(host / BUNDLE).union(*map(_read, (host / CUSTOM).rglob("*.crt")))
    for pem in trusted - known:
        name = hashlib.sha256(pem.encode()).hexdigest()[:16]
        (folder / f"host-{name}.crt").write_text(pem + "\n")


def _read(file: Path) -> set[str]:
    return set(_PEM.findall(file.read_text(errors="replace"))) if file.exists() else set()
