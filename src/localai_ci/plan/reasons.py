"""Why an entry is built, as data and as a sentence."""

from dataclasses import dataclass
from enum import StrEnum

SHOWN = 3
"""How many of a reason's files a sentence names."""


class Kind(StrEnum):
    """What a reason rests on."""

    own_folder = "own-folder"
    dockerfile = "dockerfile"
    shared_input = "shared-input"
    matrix_new = "matrix-new"
    matrix_field = "matrix-field"
    proto = "proto"
    base_changed = "base-changed"
    forced = "forced"
    other_leg = "other-leg"
    unknown = "unknown"


_TEXTS = {
    Kind.own_folder: "{files} changed, in its sources {detail}",
    Kind.dockerfile: "{files} changed, its Dockerfile",
    Kind.shared_input: "{files} changed (rule {rule}: {clause})",
    Kind.matrix_new: "its row is new in {files}",
    Kind.matrix_field: "its row in {files} says something else now: {detail}",
    Kind.proto: "{files} changed what existing images rely on: {detail}",
    Kind.base_changed: "its builder base {detail} was rebuilt",
    Kind.forced: "{detail}",
    Kind.other_leg: "another leg of the image {detail} is built",
    Kind.unknown: "what changed is not known: {detail}",
}
_TEXTS_WITH_FILES = _TEXTS | {
    Kind.base_changed: "{files} changed, which makes its builder base (rule {rule})",
    Kind.unknown: "{files} changed, and {detail}",
}


@dataclass(frozen=True)
class Reason:
    """One reason: its kind, the particulars, the rule it comes from, and the files behind it."""

    kind: Kind
    detail: str
    rule: str = ""
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        """A clause that can follow "because"."""
        text = (_TEXTS_WITH_FILES if self.files else _TEXTS)[self.kind]
        return text.format(
            files=listed(self.files),
            detail=self.detail,
            rule=self.rule,
            clause=clause(self.detail),
        )

    def as_json(self) -> dict[str, object]:
        """Only what is there, and the sentence."""
        data: dict[str, object] = {"kind": self.kind.value, "text": str(self)}
        if self.rule:
            data["rule"] = self.rule
        if self.files:
            data["files"] = list(self.files)
        return data


def clause(sentence: str) -> str:
    """A sentence as part of another one."""
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def listed(names: tuple[str, ...], shown: int = SHOWN) -> str:
    """``a, b, c and 4 more``."""
    text = ", ".join(names[:shown])
    more = len(names) - shown
    return f"{text} and {more} more" if more > 0 else text
