"""What stands in inputs.yaml: which changed path rebuilds which entries."""

from typing import Annotated, Literal

from localai_ci.config import bounds
from localai_ci.config.model import Field, Strict

Glob = Annotated[str, Field(min_length=1, description="** crosses folders, * and ? do not.")]
Globs = Annotated[list[Glob], Field(min_length=1)]


class Selection(Strict):
    """Which entries: every key that is given must hold; none given is every entry."""

    os: Literal["", "linux", "darwin"] = ""
    builds: list[str] = Field([], description="Keys of `builds` in backends.yaml.")
    backends: list[str] = Field([])
    on_base: bool = Field(default=False, description="Only what compiles on a builder base.")


class Rule(Strict):
    """Paths that are an input of entries whose own folder they are not in."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    reason: Annotated[str, Field(min_length=10)]
    paths: Globs
    except_: list[Glob] = Field([], alias="except")
    select: Selection
    compare: Literal["", "proto", "rules", "compile", "go-modules", "ignore", "decisions"] = Field(
        "", description="Look into the file before rebuilding."
    )
    base: bool = Field(default=False, description="It changes the builder base.")
    enters: bool = Field(default=True, description="Its content becomes part of the image.")


class Neutral(Strict):
    """Paths below a root that are in no image."""

    reason: Annotated[str, Field(min_length=10)]
    paths: Globs


class InputsFile(Strict):
    """inputs.yaml."""

    roots: list[str] = Field(max_length=bounds.RULES)
    matrix: list[str] = Field(max_length=bounds.RULES)
    rules: list[Rule] = Field(max_length=bounds.RULES)
    neutral: list[Neutral] = Field([], max_length=bounds.RULES)
