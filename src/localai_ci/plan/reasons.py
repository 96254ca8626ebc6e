"""Why an entry is built, as data and as a sentence."""

from dataclasses import dataclass
from enum import StrEnum

from localai_ci.text import listed


class ReasonKind(StrEnum):
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
    ReasonKind.own_folder: "{files} changed, in its sources {detail}",
    ReasonKind.dockerfile: "{files} changed, its Dockerfile",
    ReasonKind.shared_input: "{files} changed (rule {rule}: {clause})",
    ReasonKind.matrix_new: "its row is new in {files}",
    ReasonKind.matrix_field: "its row in {files} says something else now: {detail}",
    ReasonKind.proto: "{files} changed what existing images rely on: {detail}",
    ReasonKind.base_changed: "its builder base {detail} was rebuilt",
    ReasonKind.forced: "{detail}",
    ReasonKind.other_leg: "another leg of the image {detail} is built",
    ReasonKind.unknown: "what changed is not known: {detail}",
}
_TEXTS_WITH_FILES = _TEXTS | {
    ReasonKind.base_changed: "{files} changed, which makes its builder base (rule {rule})",
    ReasonKind.unknown: "{files} changed, and {detail}",
}

_BRIEF = {
    ReasonKind.own_folder: "sources in {detail}",
    ReasonKind.dockerfile: "a Dockerfile",
    ReasonKind.shared_input: "rule {rule}: {clause}",
    ReasonKind.matrix_new: "new rows",
    ReasonKind.base_changed: "makes builder bases (rule {rule})",
}


@dataclass(frozen=True)
class Reason:
    """One reason: its kind, the particulars, the rule it comes from, and the files behind it."""

    kind: ReasonKind
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

    @property
    def brief(self) -> str:
        """What makes its files count, where they are named beside it."""
        text = _BRIEF.get(self.kind, "{detail}")
        return text.format(detail=self.detail, rule=self.rule, clause=clause(self.detail))

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
