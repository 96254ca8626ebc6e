"""A merge's result as Markdown for a step summary, with the commands that a user verifies by."""

import shlex
from collections import Counter
from collections.abc import Iterable

from localai_ci.release.result import ImageRow, MergeResult, TagState
from localai_ci.release.sign import GITHUB
from localai_ci.text import markdown_code, markdown_text

LIMIT = 900_000
"""Bytes: GitHub drops a step summary above 1 MiB, and others may have written before."""


def summary(result: MergeResult, identity: str = "", issuer: str = GITHUB) -> str:
    """The result: how many images, each with its tags, and what went wrong first.

    Args:
        result: What the merge did.
        identity: The regular expression that certificates are checked by; with it the commands
            that verify are shown, keyless as users run them.
        issuer: Who vouches for the identity.
    """
    counts = Counter(row.status.value for row in result.images)
    told = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    verdict = "all is well" if result.ok else "**not all is well**"
    lines = [f"### Images: {told or 'none were due'}", "", f"{verdict}, {result.seconds:.0f} s", ""]
    lines += [f"- not a receipt: {markdown_text(one)}" for one in result.unusable]
    bad = list(result.bad)
    if bad:
        lines += ["", "| image | | why |", "|---|---|---|"]
        lines += [f"| {_name(row)} | {row.status} | {markdown_text(row.error)} |" for row in bad]
    good = [row for row in result.images if row not in bad]
    if good:
        lines += ["", "| image | | legs | tags |", "|---|---|--:|---|"]
        lines += [
            f"| {_name(row)} | {row.status} | {len(row.legs)} | {_tags(row)} |" for row in good
        ]
    lines += _verification(good, identity, issuer)
    lines += _notes(result.images)
    return _cut(lines)


def _name(row: ImageRow) -> str:
    return markdown_code(row.suffix or "(no suffix)")


def _tags(row: ImageRow) -> str:
    names = dict.fromkeys(
        tag.image.rpartition(":")[2] for tag in row.tags if tag.state is not TagState.yielded
    )
    return ", ".join(map(markdown_code, names))


def _verification(rows: Iterable[ImageRow], identity: str, issuer: str) -> list[str]:
    """The commands for one image of each registry: the others differ by their name only."""
    signed = next((row for row in rows if row.signed), None)
    if signed is None or not identity:
        return []
    places = {tag.registry: tag.image.rpartition(":")[0] for tag in signed.tags}
    commands = [
        f"cosign verify --certificate-identity-regexp {shlex.quote(identity)}"
        f" --certificate-oidc-issuer {shlex.quote(issuer)} {place}@{signed.digest}"
        for registry, place in places.items()
        if registry in signed.signed
    ]
    return [
        *("", "<details><summary>Verify it yourself</summary>", "", "```sh"),
        *(command.replace("`", "") for command in commands),
        *("```", "", "</details>"),
    ]


def _notes(rows: Iterable[ImageRow]) -> list[str]:
    said = [f"- {_name(row)}: {markdown_text(note)}" for row in rows for note in row.notes]
    if not said:
        return []
    return ["", f"<details><summary>{len(said)} remarks</summary>", "", *said, "", "</details>"]


def _cut(lines: list[str]) -> str:
    size = 0
    for index, line in enumerate(lines):
        size += len(line.encode("utf-8", "backslashreplace")) + 1
        if size > LIMIT:
            return "\n".join([*lines[:index], "", "(cut: the rest is in merge-result.json)"]) + "\n"
    return "\n".join(lines) + "\n"
