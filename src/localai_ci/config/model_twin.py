"""A model's twin in pydantic, made of the same declarations: for faults and for schemas."""

import types
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

import pydantic

from localai_ci.config.model import ABSENT, Check, FieldSpec, Strict

_TWINS: dict[type, type[pydantic.BaseModel]] = {}


def twin(cls: type[Strict]) -> type[pydantic.BaseModel]:
    """The twin of a model."""
    if cls not in _TWINS:
        _TWINS[cls] = _made(cls)
    return _TWINS[cls]


def _made(cls: type[Strict]) -> type[pydantic.BaseModel]:
    space: dict[str, Any] = {
        name: _checked(value) if isinstance(value, Check) else value
        for base in reversed(cls.__mro__)
        if issubclass(base, Strict) and base is not Strict
        for name, value in base.__dict__.items()
        if name not in cls.model_fields and not (name.startswith("__") or name == "_checks")
    }
    space.pop("model_fields", None)
    annotations: dict[str, Any] = {"_twin_of": ClassVar[Any]}
    for name, (annotation, default) in cls.model_fields.items():
        annotations[name] = _annotation(annotation)
        if isinstance(default, FieldSpec):
            space[name] = _field(default)
        elif default is not ABSENT:
            space[name] = default
    space |= {
        "__annotations__": annotations,
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "model_config": pydantic.ConfigDict(extra="forbid", frozen=True, populate_by_name=True),
        "_twin_of": cls,
    }
    return types.new_class(cls.__name__, (pydantic.BaseModel,), exec_body=lambda s: s.update(space))


def untwinned(value: Any) -> Any:
    """What a twin has read, as the model's own."""
    if isinstance(value, pydantic.BaseModel):
        cls = type(value)._twin_of  # type: ignore[attr-defined] # noqa: SLF001
        return cls(**{name: untwinned(getattr(value, name)) for name in cls.model_fields})
    if isinstance(value, list | tuple):
        return type(value)(map(untwinned, value))
    if isinstance(value, dict):
        return {key: untwinned(item) for key, item in value.items()}
    return value


def _checked(check: Check) -> Any:
    if check.fields:
        return pydantic.field_validator(*check.fields, mode="after")(check.method)
    return pydantic.model_validator(mode="after")(check.method)


def _field(spec: FieldSpec) -> Any:
    if spec.default is ABSENT:
        return pydantic.Field(**spec.bounds)
    return pydantic.Field(spec.default, **spec.bounds)


def _annotation(annotation: Any) -> Any:
    """The annotation with twins and pydantic's fields in the place of ours."""
    origin, args = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and not args and issubclass(annotation, Strict):
        return twin(annotation)
    if origin is Annotated:
        specs = [_field(a) if isinstance(a, FieldSpec) else a for a in args[1:]]
        return Annotated[(_annotation(args[0]), *specs)]
    if origin in {Union, types.UnionType}:
        return Union[tuple(map(_annotation, args))]  # noqa: UP007 - made of parts
    if origin in {list, dict, tuple}:
        return origin[tuple(a if a is ... else _annotation(a) for a in args)]
    return annotation
