"""The errors a user sees: what is wrong, where, and how to fix it."""


class LocalaiCiError(Exception):
    """An error with everything the reader needs to fix it.

    Args:
        what: The fault in one sentence, naming the value and what was expected.
        where: ``file:line``, an entry, a variant, a reference; empty where ``what`` says it.
        remedy: What to do next; empty only where ``what`` leaves nothing to ask.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        """Join the parts into the one text that is printed."""
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(self.beside(""))

    def beside(self, place: str) -> str:
        """The text of the error where ``place`` was named already."""
        named = self.where and self.where != place
        text = f"{self.where}: {self.what}" if named else self.what
        return f"{text}\n  {self.remedy}" if self.remedy else text


class InputError(LocalaiCiError):
    """The user's input (a flag, a file, a matrix row) cannot be used."""
