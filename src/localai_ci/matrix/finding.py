"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is; only an error makes a check fail."""

    error = "error"
    warning = "warning"
    note = "note"


@dataclass(frozen=True)
class Finding:
    """Where, what, and what to do about it; ``check`` names the rule."""

    severity: Severity
    check: str
    where: str
    what: str
    remedy: str
