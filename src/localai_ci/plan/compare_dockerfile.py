"""A Dockerfile, compared by the stages and arguments that each entry uses. Pure."""

from localai_ci.backends.dockerfile_call import use
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.plan.comparing import NO_TREES, Question, Reached, by_difference


def compare_dockerfile(question: Question) -> Reached:
    """The entries whose stages say something else than before."""
    old, new = (s.text(question.path) if s else None for s in (question.before, question.after))
    if old is None or new is None:
        return NO_TREES

    def difference(entry: Entry) -> str:
        try:
            same = use(entry, old) == use(entry, new)
        except InputError as e:
            return f"which of its stages count cannot be told ({e.what})"
        return "" if same else "a stage that it is built from says something else"

    return by_difference(
        ((entry, difference(entry)) for entry in question.entries),
        "no entry uses a stage or an argument of it that says something else",
    )
