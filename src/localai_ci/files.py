"""Files that a user names: read whole or refused, in the same words everywhere."""

from pathlib import Path

from localai_ci.errors import InputError


def read_file(path: Path, limit: int, remedy: str) -> bytes:
    """The content of a file.

    Args:
        path: Which.
        limit: Bytes that it may have.
        remedy: What to give instead.

    Raises:
        InputError: it is not there, a folder, not readable, or larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path), remedy=remedy) from None
    except (OSError, ValueError) as e:  # a name with a zero byte is a ValueError
        why = getattr(e, "strerror", None) or e
        raise InputError(f"it cannot be read: {why}", where=str(path), remedy=remedy) from None
    if len(data) > limit:
        raise InputError(f"it has more than {limit} bytes", where=str(path), remedy=remedy)
    return data
