"""The error a user of `./daggerw` sees."""

from native.terminal import plain


class EngineError(Exception):
    """What is wrong and how to fix it; printed without a traceback."""

    def __init__(self, what: str, remedy: str = "") -> None:
        """Join both into the one text that is printed."""
        super().__init__(plain(f"{what}\n  {remedy}" if remedy else what))
