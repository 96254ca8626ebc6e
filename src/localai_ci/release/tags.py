"""The tags of an image, from what happened: docker/metadata-action's rules as a pure function.

Source: docker/metadata-action 6.2.0, src/meta.ts; the rules and flavour are those of LocalAI
(`latest=auto,suffix=<suffix>,onlatest=true`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from localai_ci.config.registries import TagRule
from localai_ci.errors import InputError
from localai_ci.oci.reference import is_tag

_SHORT = 7
_SEMVER = re.compile(
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_RELEASE = re.compile(r"v?\d+\.\d+\.\d+", re.ASCII)
_PRIORITY = {
    TagRule.semver: 900,
    TagRule.branch: 600,
    TagRule.branch_epoch_sha: 200,
    TagRule.sha: 100,
}
Version = tuple[int, int, int]
EVENTS = (
    "push", "schedule", "workflow_dispatch", "pull_request", "pull_request_target",
    "merge_group", "release", "repository_dispatch", "workflow_call", "workflow_run", "tag",
)  # fmt: skip
"""What may start a run: GitHub's names, and ``tag``, as plans call the push of one."""
_REF = re.compile(r"refs/(?:heads|tags|pull)/[^\x00-\x1f\x7f]{1,400}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LATEST_EPOCH = 10**11  # s; in the year 5138


@dataclass(frozen=True)
class GitEvent:
    """What happened, in GitHub's words.

    Args:
        name: ``push``, ``schedule``, ``workflow_dispatch``, ``pull_request``.
        ref: ``refs/heads/…``, ``refs/tags/…``, ``refs/pull/…``.
        sha: The commit, 40 hex digits (64 in a repository of SHA-256).
        default_branch: The repository's.
        epoch: Seconds since 1970 for ``branch-epoch-sha``; one value for a whole run. Given, not
            taken from the clock, so that a rerun names the same tags.

    Raises:
        InputError: one of them is not of its form; tags that nobody meant would follow.
    """

    name: str
    ref: str
    sha: str
    default_branch: str = "master"
    epoch: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no run says."""
        if self.name not in EVENTS:
            raise InputError(
                f"unknown event {_shown(self.name)}", where="event",
                remedy=f"GitHub's names: {', '.join(EVENTS)}.",
            )  # fmt: skip
        if not _REF.fullmatch(self.ref):
            raise InputError(
                f"{_shown(self.ref)} is not a full reference",
                where="ref",
                remedy="Write refs/heads/BRANCH, refs/tags/TAG or refs/pull/NUMBER/merge"
                " (GitHub's GITHUB_REF).",
            )
        if not _COMMIT.fullmatch(self.sha):
            raise InputError(
                f"{_shown(self.sha)} is not a commit",
                where="sha",
                remedy="Write all 40 hex digits, in lower case (git rev-parse HEAD).",
            )
        if self.epoch is not None and not 0 <= self.epoch < _LATEST_EPOCH:
            raise InputError(
                f"{self.epoch} is not a number of seconds since 1970",
                where="epoch",
                remedy="Take one moment for the whole run (date +%s).",
            )

    @property
    def branch(self) -> str:
        """The branch, or nothing."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else ""

    @property
    def tag(self) -> str:
        """The pushed tag, or nothing."""
        return self.ref.removeprefix("refs/tags/") if self.ref.startswith("refs/tags/") else ""


@dataclass(frozen=True)
class TagSet:
    """The tags of one image.

    Args:
        names: As metadata-action orders them: by priority, ``latest`` last.
        version: What the image is called without its suffix; empty where there is no tag.
        latest: The ``latest`` tag among them, or nothing.
        moving: Those that a later run gives to another image; the others name one commit or
            release.
    """

    names: tuple[str, ...]
    version: str = ""
    latest: str = ""
    moving: tuple[str, ...] = ()

    @property
    def write_order(self) -> tuple[str, ...]:
        """Most specific first, ``latest`` last: a reader of a moving tag comes last too."""
        others = [name for name in self.names if name != self.latest]
        return (*reversed(others), *([self.latest] if self.latest else []))


def tags(event: GitEvent, rules: Iterable[TagRule], suffix: str) -> TagSet:
    """Name an image.

    Args:
        event: What happened.
        rules: Those that apply to this family of images.
        suffix: The image's suffix, with its dash.

    Raises:
        InputError: a name would be no tag (over 128 characters).
    """
    found: list[tuple[TagRule, str]] = []
    for rule in sorted(rules, key=lambda rule: -_PRIORITY[rule]):
        value = _value(rule, event)
        if value:
            found.append((rule, value))
    if not found:
        return TagSet(())
    names = list(dict.fromkeys(_sanitized(value + suffix) for _, value in found))
    first, version = found[0]
    release = first is TagRule.semver and not prerelease(version)
    latest = _sanitized(f"latest{suffix}") if release else ""
    for name in names:
        if not is_tag(name):
            raise InputError(
                f"{name!r} has {len(name)} characters; a tag has at most 128",
                where=event.ref,
                remedy="Shorten the branch or the tag.",
            )
    branches = (_sanitized(value + suffix) for rule, value in found if rule is TagRule.branch)
    moving = tuple(dict.fromkeys([*branches, *([latest] if latest else [])]))
    return TagSet((*names, *([latest] if latest else [])), version, latest, moving)


def version(text: str) -> Version | None:
    """The three numbers of a semantic version, None for anything else."""
    match = _SEMVER.fullmatch(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def prerelease(text: str) -> bool:
    """Whether a semantic version is a pre-release (``v4.3.0-rc1``)."""
    match = _SEMVER.fullmatch(text)
    return bool(match and match[4])


def releases(names: Iterable[str]) -> dict[str, list[str]]:
    """The released versions among tags by suffix (with its dash), the highest first.

    All suffixes at once: a repository has thousands of tags, and a merge hundreds of suffixes.
    """
    found: dict[str, set[tuple[Version, str]]] = {}
    for name in names:
        core = _RELEASE.match(name)
        if core and (number := version(core[0])):
            found.setdefault(name[core.end() :], set()).add((number, core[0]))
    return {
        suffix: [text for _, text in sorted(released, reverse=True)]
        for suffix, released in found.items()
    }


def _shown(text: str) -> str:
    """What the user gave, for an error: printable, and not endless."""
    return ascii(text[:80])


def _value(rule: TagRule, event: GitEvent) -> str:
    short = event.sha[:_SHORT]
    match rule:
        case TagRule.semver:
            name = event.tag.replace("/", "-")
            return name if version(name) else ""
        case TagRule.branch:
            return event.branch
        case TagRule.branch_epoch_sha:
            default = event.branch == event.default_branch or event.name == "schedule"
            known = default and event.branch and event.epoch is not None
            return f"{event.branch}-{event.epoch}-{short}" if known else ""
        case TagRule.sha:
            return f"sha-{short}" if short else ""


def _sanitized(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9._-]+", "-", text)
