"""The errors a user sees: what is wrong, where, and how to fix it."""

from localai_ci.text import shortened

LONGEST = 12_000
"""Characters of what an error says; a value that it repeats is to be cut far before."""
LONGEST_PLACE = 400
"""Characters of where it is."""


class LocalaiCiError(Exception):
    """An error with everything the reader needs to fix it; printable and cut, whatever it names.

    Args:
        what: The fault in one sentence, naming the value and what was expected.
        where: ``file:line``, an entry, a variant, a reference; empty where ``what`` says it.
        remedy: What to do next; empty only where ``what`` leaves nothing to ask.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        """Join the parts into the one text that is printed."""
        self.what = shortened(what, LONGEST, lines=True)
        self.where = shortened(where, LONGEST_PLACE)
        self.remedy = shortened(remedy, LONGEST, lines=True)
        super().__init__(self.beside(""))

    def beside(self, place: str) -> str:
        """The text of the error where ``place`` was named already."""
        named = self.where and self.where != shortened(place, LONGEST_PLACE)
        text = f"{self.where}: {self.what}" if named else self.what
        return f"{text}\n  {self.remedy}" if self.remedy else text


class InputError(LocalaiCiError):
    """The user's input (a flag, a file, a matrix row) cannot be used."""
