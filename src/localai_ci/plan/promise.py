"""What a plan promises to the merge: the legs that must be there."""

import json
from pathlib import Path

from localai_ci.errors import InputError


def promised(path: Path) -> tuple[str, ...]:
    """The entries of a plan (``plan --format json``) that are built as images to be merged.

    Darwin's are published by themselves: they are no legs.

    Raises:
        InputError: the file is missing, or is no plan.
    """
    try:
        entries = json.loads(path.read_bytes())["entries"]
        return tuple(str(entry["id"]) for entry in entries if entry["os"] == "linux")
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path)) from None
    except (ValueError, KeyError, TypeError):
        raise InputError(
            "not a plan", where=str(path), remedy="Give the file of `plan --format json`."
        ) from None
