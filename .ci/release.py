"""What a release needs to be one: the version that its tag says, everywhere, and its changes.

`check vX.Y.Z` fails where something says otherwise, `notes vX.Y.Z` prints its part of the changes.
Only Python itself is needed.
"""

import re
import sys
import tomllib
from pathlib import Path

REPO = Path(__file__).parents[1]
TAG = re.compile(r"v(\d+\.\d+\.\d+)")
HEADING = re.compile(r"^## (\S+)(?: \((\d{4}-\d{2}-\d{2})\))?$", re.MULTILINE)


def faults(tag: str, pyproject: str, changelog: str) -> list[str]:
    """What does not fit, in sentences; none is well."""
    found = TAG.fullmatch(tag)
    if not found:
        return [f"the tag is {tag!r}, expected vX.Y.Z"]
    version, wrong = found[1], []
    said = tomllib.loads(pyproject)["project"]["version"]
    if said != version:
        wrong.append(f"pyproject.toml says {said}, the tag {version}: change the first")
    headings = HEADING.findall(changelog)
    released = [name for name, _ in headings if name != "Unreleased"]
    if released[:1] != [version]:
        newest = released[0] if released else "nothing"
        wrong.append(f"CHANGELOG.md begins with {newest}, expected {version}: write what changed")
    elif not dict(headings)[version]:
        wrong.append(f"CHANGELOG.md has no date for {version}: write `## {version} (YYYY-MM-DD)`")
    if not wrong and not notes(tag, changelog).strip():
        wrong.append(f"CHANGELOG.md says nothing of {version}")
    return wrong


def notes(tag: str, changelog: str) -> str:
    """The part of a version, without its heading."""
    version = tag.removeprefix("v")
    parts = HEADING.split(changelog)
    # what stands before the first heading, then version, date and text by turns
    texts = dict(zip(parts[1::3], parts[3::3], strict=True))
    return texts.get(version, "").strip() + "\n"


def main(arguments: list[str]) -> int:
    """Check, or print."""
    command, tag = arguments
    changelog = (REPO / "CHANGELOG.md").read_text("utf-8")
    if command == "notes":
        sys.stdout.write(notes(tag, changelog))
        return 0
    wrong = faults(tag, (REPO / "pyproject.toml").read_text("utf-8"), changelog)
    for one in wrong:
        sys.stderr.write(f"error: {one}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
