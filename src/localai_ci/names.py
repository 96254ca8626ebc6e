"""Every name that leaves the program and is made from an entry: one place, so that they agree.

An entry id is the tag suffix without its leading dash, a slash, and the architecture. Some
suffixes are prefixes of others (``-cpu-mlx``, ``-cpu-mlx-audio``), so names that are matched by
pattern close the suffix with ``--``.
"""

import re
from urllib.parse import unquote_to_bytes

CORE = "core"
"""Stands for the empty suffix (the plain server image) where a name must not be empty."""


ANCHOR = "keepalive-"
"""What the names of all anchors start with."""

REVISION_LABEL = "org.opencontainers.image.revision"
ENTRY_LABEL = "io.localai.ci.entry"
KIND_LABEL = "io.localai.ci.kind"
"""Labels of a leg's configuration: what its bytes say of themselves, whoever talks about them."""

_KEPT = ".receipt"
_RECEIPTS = "receipts-"
_WRITTEN = {"/": "~", " ": "_"}
_UNWRITTEN = {written: char for char, written in _WRITTEN.items()}
DARWIN = "darwin-"
"""What the architecture of an entry for macOS starts with."""
_ENTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,89}/[a-z0-9][a-z0-9._-]{0,19}")


def entry_id(suffix: str, arch: str) -> str:
    """``-cpu-llama-cpp`` and ``amd64`` are ``cpu-llama-cpp/amd64``."""
    return f"{suffix.removeprefix('-') or CORE}/{arch}"


def split_entry_id(entry: str) -> tuple[str, str]:
    """The tag suffix (with its dash) and the architecture of an entry id."""
    name, _, arch = entry.rpartition("/")
    return ("" if name == CORE else f"-{name}"), arch


def platform_of(arch: str) -> tuple[str, str]:
    """System and architecture, as images say them: ``darwin-arm64`` is ``darwin``, ``arm64``."""
    if arch.startswith(DARWIN):
        return "darwin", arch.removeprefix(DARWIN)
    return "linux", arch


def packed_job(base: str, arch: str, number: int = 1, parts: int = 1) -> str:
    """A job of several entries on one base: ``cuda-12-amd64 amd64 2/7``."""
    return f"{base} {arch}{f' {number}/{parts}' if parts > 1 else ''}"


def server_job(entry: str) -> str:
    """The job of one leg of the server image: ids of backends may look alike."""
    return f"server image {entry}"


def receipts_artifact(kind: str, job: str) -> str:
    """The CI artifact with a job's receipts; ``receipts-<kind>--*`` finds all of a family."""
    return f"{_RECEIPTS}{kind}--{_written(job)}"


def job_of_receipts_artifact(name: str) -> tuple[str, str]:
    """The family and the job of such an artifact: `receipts_artifact` undone."""
    kind, _, job = name.removeprefix(_RECEIPTS).partition("--")
    plain = re.sub("[~_]", lambda found: _UNWRITTEN[found[0]], job)
    return kind, unquote_to_bytes(plain).decode("utf-8", "surrogateescape")


def _written(name: str) -> str:
    """A name in letters that artifacts and files may have, one to one.

    GitHub refuses quotes, colons, brackets, bars, stars, question marks, slashes and line breaks.
    What names often have gets a letter of its own, the rest is written as in an address (``%3A``).
    """
    parts = (_WRITTEN.get(char) or _percent(char) for char in name)
    return "".join(parts)


def _percent(char: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9.+-]", char):
        return char
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))


def cache_tag(suffix: str, platform_tag: str = "") -> str:
    """The tag of the build cache; of an image with one leg it ends in a dash, as published."""
    return f"cache{suffix}-{platform_tag}"


def anchor_tag(day: str, run_id: str, entry: str) -> str:
    """The tag that keeps one pushed leg from being collected until it is merged.

    The day (``YYYYMMDD``, UTC) stands first, so that old anchors are found by name alone.
    """
    suffix, arch = split_entry_id(entry)
    return f"{ANCHOR}{day}-{run_id}{suffix or '-' + CORE}-{arch}"


def is_entry_id(text: str) -> bool:
    """Whether every name that is made from this entry id is a name."""
    return _ENTRY.fullmatch(text) is not None


def anchor_day(tag: str) -> str:
    """The day of an anchor tag, or nothing where the tag is not one of ours."""
    found = re.match(rf"{ANCHOR}([0-9]{{8}})-", tag)
    return found[1] if found else ""


def leg_labels(kind: str, entry: str, revision: str) -> dict[str, str]:
    """The labels that a leg is published with; of an unknown revision none is said."""
    said = {KIND_LABEL: kind, ENTRY_LABEL: entry, REVISION_LABEL: revision}
    return {name: value for name, value in said.items() if value}


def receipt_file(entry: str) -> str:
    """The file of a leg's receipt; ``<suffix>--*`` finds all legs of an image."""
    suffix, arch = split_entry_id(entry)
    return f"{suffix.removeprefix('-') or CORE}--{arch}.json"


def entry_of_receipt_file(name: str) -> str:
    """The entry that a receipt's file is named after, or nothing: `receipt_file` undone."""
    stem, _, arch = name.removesuffix(".json").rpartition("--")
    entry = f"{stem}/{arch}"
    return entry if name.endswith(".json") and is_entry_id(entry) else ""


def base_tag(variant: str) -> str:
    """The moving tag of a builder base."""
    return f"base-grpc-{variant}"


def base_input_tag(variant: str, input_hash: str) -> str:
    """The immutable tag of a builder base that was built from exactly these inputs."""
    return f"{base_tag(variant)}-{input_hash}"


def ccache_tag(
    backend: str, variant: str, build_type: str, base: str = "", *, untrusted: bool = False
) -> str:
    """The tag of a compiler cache; without ``base`` (12 hex digits) the newest on any base.

    What pull requests write stands in front apart: no name of a backend makes one of the other.
    """
    name = f"{'pr-' * untrusted}ccache-{backend}-{variant}-{build_type or 'cpu'}"
    return f"{name}-{base}" if base else name


def input_tag(input_hash: str, suffix: str, arch: str) -> str:
    """The tag of a leg that was built from exactly these inputs (12 hex digits of the hash)."""
    return f"in-{input_hash[:12]}{suffix or '-' + CORE}-{arch}"


def is_input_tag(tag: str, entry: str = "") -> bool:
    """Whether a tag is one of `input_tag`: of this entry, or of any."""
    end = ".+"
    if entry:
        suffix, arch = split_entry_id(entry)
        end = re.escape(f"{suffix or '-' + CORE}-{arch}")
    return re.fullmatch(rf"in-[0-9a-f]{{12}}{end}", tag) is not None


def kept_receipt_tag(input_tag: str) -> str:
    """The tag of the receipt of what stands under an `input_tag`."""
    return f"{input_tag}{_KEPT}"


def is_kept_receipt_tag(tag: str) -> bool:
    """Whether a tag is one of `kept_receipt_tag`."""
    return tag.endswith(_KEPT) and is_input_tag(tag.removesuffix(_KEPT))
