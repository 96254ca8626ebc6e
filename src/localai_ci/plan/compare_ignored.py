""".dockerignore, compared by what it says of each tracked file. Pure."""

from localai_ci.backends.dockerignore import Ignoring
from localai_ci.backends.entering import Entering
from localai_ci.errors import InputError
from localai_ci.matrix.entry import Entry
from localai_ci.plan.comparing import NO_TREES, Question, Reached, by_difference
from localai_ci.text import listed


def compare_ignored(question: Question) -> Reached:
    """The entries of which it lets in or leaves out other files than before."""
    before, after = question.before, question.after
    if before is None or after is None or after.files is None:
        return NO_TREES
    old, new = (
        Ignoring.of(state.text(question.path) or "") for state in (before, after)
    )  # without it nothing is left out
    try:
        changed = [path for path in after.files if old.leaves_out(path) != new.leaves_out(path)]
    except InputError as e:
        return Reached(doubt=f"One of its lines is not understood ({e.what})")

    inputs = question.inputs
    entering = Entering(changed, inputs, "")

    def difference(entry: Entry) -> str:
        own = [
            path
            for path in entering.of(entry, on_base=False)
            # A build reads its Dockerfile whatever this file says of it, and this file too.
            if path != entry.dockerfile and not ((r := inputs.rule(path)) and r.compare == "ignore")
        ]
        return f"it says something else of {listed(own)}" if own else ""

    return by_difference(
        ((entry, difference(entry)) for entry in question.entries),
        "it leaves out what it left out, of all files that images are made of",
    )
