"""Models read directly say what pydantic says of them, or leave it to say so."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from localai_ci.config.data import data_dir
from localai_ci.config.model import Field, MisfitError, Strict, field_validator, model_validator
from localai_ci.config.model_twin import twin, untwinned
from localai_ci.config.reader import parse
from localai_ci.release.schemas import MODELS


class Colour(StrEnum):
    red = "red"


class Inner(Strict):
    """Inside."""

    name: Annotated[str, Field(pattern=r"^[a-z]+$", max_length=3)]
    size: float = Field(1.0, ge=0, le=9)


class Outer(Strict):
    """Outside."""

    inner: Inner
    many: Annotated[list[Inner], Field(min_length=1)] = Field([])
    named: dict[Literal["a", "b"], str] = Field({})
    colour: Colour | None = None
    pair: tuple[int, ...] = ()
    flag: bool = False
    except_: list[str] = Field([], alias="except")

    @model_validator(mode="after")
    def _not_both(self) -> "Outer":
        if self.flag and self.pair:
            raise ValueError("not both")
        return self

    @field_validator("except_", mode="after")
    @classmethod
    def _short(cls, value: list[str]) -> list[str]:
        if len(value) > 2:
            raise ValueError("too many")
        return value


LEAF = st.sampled_from(["a", "abc", "abcd", "A", "a\n", "é", "red", 1, -1, 10, 2.5, True, None, ""])
INNER = st.fixed_dictionaries({}, optional={"name": LEAF, "size": LEAF, "more": LEAF})
OUTER = st.fixed_dictionaries(
    {"inner": INNER | LEAF},
    optional={
        "many": st.lists(INNER, max_size=2) | LEAF,
        "named": st.dictionaries(st.sampled_from(["a", "b", "c"]), LEAF, max_size=2) | LEAF,
        "colour": LEAF,
        "pair": st.lists(LEAF, max_size=2),
        "flag": LEAF,
        "except": st.lists(LEAF, max_size=3),
    },
)


def made(model: Any, **values: Any) -> Any:
    return model(**values)


def by_pydantic(data: Any) -> Any:
    try:
        return untwinned(twin(Outer).model_validate(data))
    except ValidationError:
        return None


@given(OUTER)
def test_what_is_read_directly_is_what_pydantic_reads(data: dict[str, Any]) -> None:
    try:
        direct = Outer.direct(data)
    except MisfitError:
        return
    assert direct == by_pydantic(data)


@pytest.mark.parametrize("name", MODELS)
def test_every_file_of_ours_is_read_directly_and_means_the_same(name: str) -> None:
    data = parse(data_dir() / f"{name}.yaml").data
    model = MODELS[name]
    assert model.direct(data) == untwinned(twin(model).model_validate(data))


def test_a_model_is_frozen_compared_by_fields_and_dumped_as_data() -> None:
    one = Outer.direct({"inner": {"name": "a"}, "except": ["x"]})
    assert one == made(Outer, inner=made(Inner, name="a"), except_=["x"])
    assert one.model_copy(update={"flag": True}) != one
    assert one.model_dump(exclude_defaults=True) == {"inner": {"name": "a"}, "except_": ["x"]}
    with pytest.raises(AttributeError):
        one.flag = True  # type: ignore[misc]
    with pytest.raises(TypeError, match="inner"):
        made(Outer)
    with pytest.raises(TypeError, match="other"):
        made(Inner, name="a", other=1)
    first, second = (made(Outer, inner=made(Inner, name="a")) for _ in range(2))
    assert first.many is not second.many
