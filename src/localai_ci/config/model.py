"""Models of the data files: declared once, and read in two ways.

A file that is as it should be is taken in directly, in microseconds. Only of one that is not, and
for JSON Schemas, is pydantic loaded: it reads the same declarations, and its word counts. So
nothing that is read here without it would be refused by it.
"""

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from inspect import get_annotations
from math import isfinite
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    Self,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
)

F = TypeVar("F", bound=Callable[..., Any])
ABSENT: Any = object()
"""Stands for a default where there is none."""


class MisfitError(Exception):
    """A value that is not taken in directly; pydantic says whether it is at fault."""


@dataclass(frozen=True, eq=False)
class FieldSpec:
    """A field's default and bounds, by pydantic's names."""

    default: Any
    bounds: Mapping[str, Any]


def Field(default: Any = ABSENT, **bounds: Any) -> Any:  # noqa: N802 - as pydantic calls it
    """Says of a field what pydantic's `Field` would, by the same names."""
    return FieldSpec(bounds.pop("default", default), bounds)


@dataclass(frozen=True)
class Check:
    """A method of a model that refuses values which are of their types all the same."""

    method: Any
    fields: tuple[str, ...]

    def __get__(self, instance: object, owner: type) -> Any:
        """The method itself."""
        return self.method.__get__(instance, owner)


def model_validator(*, mode: Literal["after"]) -> Callable[[F], F]:
    """Marks a method that looks at the whole; it raises ValueError."""
    assert mode == "after"  # noqa: S101 - there is no other
    return lambda method: Check(method, ())  # type: ignore[return-value]


def field_validator(*fields: str, mode: Literal["after"]) -> Callable[[F], F]:
    """Marks a class method that looks at single fields; it raises ValueError."""
    assert mode == "after"  # noqa: S101 - there is no other
    return lambda method: Check(method, fields)  # type: ignore[return-value]


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class Strict:
    """Base of all models that are read from a file: frozen, and no key is ignored."""

    model_fields: ClassVar[dict[str, tuple[Any, Any]]] = {}
    """Annotation and default of each field."""
    _checks: ClassVar[list[Check]] = []

    def __init_subclass__(cls) -> None:
        """Note the fields."""
        own = {
            name: (annotation, cls.__dict__.get(name, ABSENT))
            for name, annotation in get_annotations(cls).items()
            if not str(annotation).startswith("typing.ClassVar")
        }
        cls.model_fields = cls.model_fields | own
        found = [value for value in cls.__dict__.values() if isinstance(value, Check)]
        cls._checks = [*cls._checks, *found]

    def __init__(self, **values: Any) -> None:
        """Take values that are known to be right."""
        own = self.__dict__
        for name, default in _defaults(type(self)).items():
            own[name] = values.pop(name) if name in values else _copied(default)
        if values or ABSENT in own.values():
            missing = [name for name, value in own.items() if value is ABSENT]
            raise TypeError(f"{type(self).__name__}: {', '.join([*values, *missing])}")

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: it is frozen."""
        raise AttributeError(f"{type(self).__name__}.{name} is frozen")

    def __eq__(self, other: object) -> bool:
        """By type and fields."""
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        """Of the fields, where they have one."""
        return hash((type(self), *self._values().values()))

    def __repr__(self) -> str:
        """As it is written."""
        return (
            f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self._values().items())})"
        )

    def _values(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in self.model_fields}

    def model_dump(
        self,
        *,
        exclude_none: bool = False,
        exclude_defaults: bool = False,
        exclude: set[str] | frozenset[str] = frozenset(),
    ) -> dict[str, Any]:
        """The fields as plain data."""
        defaults = _defaults(type(self))
        return {
            name: _dumped(value, exclude_none=exclude_none, exclude_defaults=exclude_defaults)
            for name, value in self._values().items()
            if name not in exclude
            and not (exclude_none and value is None)
            and not (exclude_defaults and value == defaults[name])
        }

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """The same with other fields."""
        return type(self)(**self._values() | dict(update or {}))

    @classmethod
    def model_validate(cls, data: Any) -> Self:
        """The model of plain data.

        Raises:
            pydantic.ValidationError: it does not fit; says all that is wrong.
        """
        try:
            return cls.direct(data)
        except MisfitError:
            from localai_ci.config.model_twin import twin, untwinned

            found: Self = untwinned(twin(cls).model_validate(data))
            return found

    @classmethod
    def direct(cls, data: Any) -> Self:
        """The model of plain data that is as it should be.

        Raises:
            MisfitError: it is not, or it takes more than this to tell.
        """
        if type(data) is cls:
            return data
        if type(data) is not dict:
            raise MisfitError
        readers, model, left = _readers(cls), cls.__new__(cls), len(data)
        own = model.__dict__
        for name, (key, read, default) in readers.items():
            if key in data:
                left -= 1
                own[name] = read(data[key])
            elif default is ABSENT:
                raise MisfitError
            else:
                own[name] = _copied(default)
        if left:
            raise MisfitError
        _check(model, own)
        return model

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """Its JSON Schema."""
        from localai_ci.config.model_twin import twin

        return twin(cls).model_json_schema()


def _check(model: Strict, values: Mapping[str, Any]) -> None:
    """Ask the model's own checks."""
    cls = type(model)
    try:
        for check in cls._checks:
            bound = check.__get__(model, cls)
            for name in check.fields:
                bound(values[name])
            if not check.fields:
                bound()
    except ValueError:
        raise MisfitError from None


def _dumped(value: Any, *, exclude_none: bool, exclude_defaults: bool) -> Any:
    def dumped(item: Any) -> Any:
        return _dumped(item, exclude_none=exclude_none, exclude_defaults=exclude_defaults)

    if isinstance(value, Strict):
        return value.model_dump(exclude_none=exclude_none, exclude_defaults=exclude_defaults)
    if isinstance(value, list | tuple):
        return type(value)(map(dumped, value))
    if isinstance(value, dict):
        return {key: dumped(item) for key, item in value.items()}
    return value


def _copied(default: Any) -> Any:
    return default.copy() if isinstance(default, list | dict) else default


_DEFAULTS: dict[type, dict[str, Any]] = {}
_READERS: dict[type, dict[str, tuple[str, "Reader", Any]]] = {}


def _defaults(cls: type[Strict]) -> dict[str, Any]:
    if cls in _DEFAULTS:
        return _DEFAULTS[cls]
    found = _DEFAULTS[cls] = {}
    for name, (_, default) in cls.model_fields.items():
        spec = default if isinstance(default, FieldSpec) else FieldSpec(default, {})
        factory = spec.bounds.get("default_factory")
        found[name] = factory() if factory else spec.default
    return found


Reader = Callable[[Any], Any]


def _readers(cls: type[Strict]) -> dict[str, tuple[str, Reader, Any]]:
    """By field its key, what reads it, and its default."""
    if cls in _READERS:
        return _READERS[cls]
    found = _READERS[cls] = {}
    for name, default in _defaults(cls).items():
        annotation, given = cls.model_fields[name]
        bounds = given.bounds if isinstance(given, FieldSpec) else {}
        found[name] = (bounds.get("alias", name), _reader(annotation, bounds), default)
    return found


_PLAIN = {str: "text", int: "number", bool: "flag", float: "real"}


def _reader(annotation: Any, bounds: Mapping[str, Any]) -> Reader:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = {k: v for spec in args[1:] for k, v in getattr(spec, "bounds", {}).items()}
        return _reader(args[0], {**inner, **bounds})
    if origin is not None:
        return _of_parts(origin, args, bounds)
    if annotation in _PLAIN:
        return getattr(_Bounds(bounds), _PLAIN[annotation])  # type: ignore[no-any-return]
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return annotation.direct
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _one_of({member.value: member for member in annotation})
    return _never


def _of_parts(origin: Any, args: tuple[Any, ...], bounds: Mapping[str, Any]) -> Reader:
    if origin is Literal:
        return _one_of({value: value for value in args})
    rest = [arg for arg in args if arg is not type(None)]
    if origin in {Union, types.UnionType} and len(rest) == 1:
        inside = _reader(rest[0], bounds)
        return lambda value: None if value is None else inside(value)
    if origin is list or (origin is tuple and args[1:] == (...,)):
        return _many(origin, _reader(args[0], {}), _Bounds(bounds))
    if origin is dict:
        return _mapping(_reader(args[0], {}), _reader(args[1], {}), _Bounds(bounds))
    return _never


def _never(_value: Any) -> Any:
    raise MisfitError


def _one_of(values: Mapping[Any, Any]) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not str or value not in values:
            raise MisfitError
        return values[value]

    return read


def _many(kind: type, inside: Reader, bounds: "_Bounds") -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not list or not bounds.long(value):
            raise MisfitError
        return kind(map(inside, value))

    return read


def _mapping(key: Reader, inside: Reader, bounds: "_Bounds") -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not dict or not bounds.long(value):
            raise MisfitError
        return {key(name): inside(item) for name, item in value.items()}

    return read


@dataclass(frozen=True)
class _Bounds:
    """The bounds of a field; one that is not known here is left to pydantic."""

    given: Mapping[str, Any]

    @cached_property
    def _known(self) -> bool:
        told = {"description", "alias", "default_factory", "allow_inf_nan"}
        return set(self.given) <= {"pattern", "min_length", "max_length", "ge", "le"} | told

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return re.compile(self.given["pattern"]) if "pattern" in self.given else None

    def long(self, value: Any) -> bool:
        """Whether it has as many parts as it may."""
        size, get = len(value), self.given.get
        return self._known and get("min_length", 0) <= size <= get("max_length", size)

    def text(self, value: Any) -> str:
        if type(value) is not str:
            raise MisfitError
        if self.given:
            pattern = self._pattern
            # Python's and pydantic's patterns agree on a line of ASCII.
            plain = pattern is None or (value.isascii() and "\n" not in value)
            if not (plain and self.long(value) and (pattern is None or pattern.search(value))):
                raise MisfitError
        return value

    def flag(self, value: Any) -> bool:
        if type(value) is not bool:
            raise MisfitError
        return value

    def number(self, value: Any) -> int:
        if type(value) is not int or not self._between(value):
            raise MisfitError
        return value

    def real(self, value: Any) -> float:
        if type(value) not in {int, float} or not self._between(value) or not isfinite(value):
            raise MisfitError
        return float(value)

    def _between(self, value: float) -> bool:
        get = self.given.get
        return bool(self._known and get("ge", value) <= value <= get("le", value))
