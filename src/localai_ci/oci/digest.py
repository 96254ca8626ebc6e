"""Digests: how bytes are named, here and in registries."""

import hashlib
import re

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def is_digest(text: str) -> bool:
    """Whether ``text`` is a whole sha256 or sha512 digest."""
    return _DIGEST.fullmatch(text) is not None


def sha256(data: bytes) -> str:
    """SHA-256 in hex, without the algorithm's name."""
    return hashlib.sha256(data).hexdigest()


def digest_of(data: bytes) -> str:
    """``sha256:…`` of bytes."""
    return f"sha256:{sha256(data)}"


def hasher(digest: str) -> "hashlib._Hash":
    """What hashes piece by piece, by the algorithm of ``digest``."""
    return hashlib.new(digest.partition(":")[0])


def digest_like(expected: str, data: bytes) -> str:
    """The digest of bytes by the algorithm of ``expected``; empty where that is no known one."""
    algorithm = expected.partition(":")[0]
    if algorithm not in {"sha256", "sha512"}:
        return ""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
