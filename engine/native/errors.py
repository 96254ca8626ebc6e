"""The error a user of `./daggerw` sees."""


class EngineError(Exception):
    """What is wrong and how to fix it; printed without a traceback."""

    def __init__(self, what: str, remedy: str = "") -> None:
        """Join both into the one text that is printed."""
        super().__init__(f"{what}\n  {remedy}" if remedy else what)
