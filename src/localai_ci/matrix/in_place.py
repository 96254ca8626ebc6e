"""What changes in profiles.yaml and backends.yaml, written into their text where it stands."""

import os
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

from localai_ci.config.backends import Backends, Build, Override
from localai_ci.config.profiles import Profile, Profiles
from localai_ci.config.reader import load
from localai_ci.config.yaml_edit import WIDTH, YamlText, scalar
from localai_ci.errors import InputError
from localai_ci.matrix.diff import diff
from localai_ci.matrix.expand import expand
from localai_ci.matrix.infer import Proposal
from localai_ci.text import listed

FILES = ("profiles.yaml", "backends.yaml")


def edited(
    texts: Mapping[str, str], profiles: Profiles, backends: Backends, to: Proposal
) -> dict[str, str]:
    """The new texts of both files; what does not change is the same to the byte.

    Args:
        texts: Of `FILES`, by name.
        profiles: What the first says.
        backends: What the second says.
        to: What they shall say.

    Raises:
        InputError: the result would say something else; then nothing is to be written.
    """
    new = {
        FILES[0]: _with_line_ends(
            texts[FILES[0]], lambda text: _profiles(text, profiles, to.profiles)
        ),
        FILES[1]: _with_line_ends(texts[FILES[1]], lambda text: _backends(text, backends, to)),
    }
    _prove(new, to)
    return new


def _prove(new: Mapping[str, str], to: Proposal) -> None:
    """Read what was written, and see that it makes the same entries."""
    said, _ = load(Path(FILES[0]), Profiles, new[FILES[0]].encode())
    then, document = load(Path(FILES[1]), Backends, new[FILES[1]].encode())
    left = diff(expand(said, then, document), expand(to.profiles, to.backends, document))
    if left:
        names = [*left.added, *left.removed, *left.changed]
        raise InputError(
            f"the edit would not say what it should: {listed(names)}",
            remedy="Nothing was written. The files are written in a way that is not understood"
            " here; make the edit by hand, and report it.",
        )


def write(folder: Path, new: Mapping[str, str]) -> None:
    """Replace the files; each is either the old one or the new one at any time.

    Raises:
        InputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in new.items():
            beside = folder / f".{name}.new"
            beside.write_bytes(text.encode("utf-8"))
        for name in new:
            os.replace(folder / f".{name}.new", folder / name)  # noqa: PTH105 - atomic
    except OSError as e:
        for name in new:
            (folder / f".{name}.new").unlink(missing_ok=True)
        raise InputError(
            f"this cannot be written: {e.strerror}",
            where=str(folder),
            remedy="Give another folder.",
        ) from None


def _with_line_ends(text: str, edit: Callable[[str], str]) -> str:
    """Edit with plain line ends, and give back those that were there."""
    crlf = "\r\n" in text
    new = edit(text.replace("\r\n", "\n"))
    return new.replace("\n", "\r\n") if crlf else new


def _profiles(text: str, old: Profiles, new: Profiles) -> str:
    file = YamlText(text)
    for arch, runner in new.runners.items():
        if old.runners.get(arch) != runner:
            file.set_scalar(("runners", arch), runner)
    for name, profile in new.profiles.items():
        if name not in old.profiles:
            file.add_key(("profiles",), name, _profile_block(profile))
        elif profile != old.profiles[name]:
            _fields(file, ("profiles", name), _said(old.profiles[name]), _said(profile))
    return file.text


def _said(profile: Profile) -> dict[str, object]:
    """What the file has to say: everything but defaults, and the suffix in any case."""
    return {"suffix": profile.suffix} | profile.model_dump(exclude_defaults=True)


def _profile_block(profile: Profile) -> str:
    return "".join(f"{name}: {_value(value)}\n" for name, value in _said(profile).items())


def _fields(
    file: YamlText, loc: tuple[str | int, ...], old: Mapping[str, object], new: Mapping[str, object]
) -> None:
    """Bring a mapping of scalars and lists from one state to the other."""
    for name, value in new.items():
        if name not in old:
            file.add_key(loc, name, _value(value))
        elif value != old[name]:
            if isinstance(value, list):
                file.set_list((*loc, name), value)
            else:
                file.set_scalar((*loc, name), value)  # type: ignore[arg-type]
    for name in old:
        if name not in new:
            file.remove_key((*loc, name))


def _backends(text: str, old: Backends, to: Proposal) -> str:
    new = to.backends
    file = YamlText(text)
    _fields(file, ("defaults",), old.defaults.model_dump(), new.defaults.model_dump())
    for name, build in new.builds.items():
        if name not in old.builds:
            file.add_key(("builds",), name, _flow(_build(build)))
        elif build != old.builds[name]:
            _base(file, name, build)
    _targets(file, old.backends, new.backends)
    _exceptions(file, old.exceptions, new.exceptions, to.origins)
    return file.text


def _build(build: Build) -> dict[str, object]:
    return build.model_dump(exclude_defaults=True)


def _base(file: YamlText, name: str, build: Build) -> None:
    """Whether it compiles on a builder base: the one thing of a build that rows tell."""
    loc = ("builds", name)
    if file.has((*loc, "base")):
        file.set_scalar((*loc, "base"), build.base)
    else:
        file.add_key(loc, "base", scalar(build.base))


def _targets(
    file: YamlText,
    old: Mapping[str, Mapping[str, list[str]]],
    new: Mapping[str, dict[str, list[str]]],
) -> None:
    order = [*new]
    for build, names in new.items():
        if build not in old:
            said = ", ".join(f"{scalar(n)}: {_flow_list(t)}" for n, t in names.items())
            place = order.index(build)
            after = next((b for b in reversed(order[:place]) if file.has(("backends", b))), "")
            file.add_key(("backends",), build, f"{{{said}}}", after=after)
            continue
        before = [*names]
        for name, found in names.items():
            loc = ("backends", build, name)
            if name in old[build]:
                if found != old[build][name]:
                    file.set_list(loc, found)
            else:
                place = before.index(name)
                after = before[place - 1] if place else ""
                file.add_key(loc[:2], name, _flow_list(found), after=after)
        for name in old[build]:
            if name not in names:
                file.remove_key(("backends", build, name))
    for build in old:
        if build not in new:
            file.remove_key(("backends", build))


def _exceptions(
    file: YamlText,
    old: list[Override],
    new: list[Override],
    origins: tuple[int | None, ...],
) -> None:
    staying = {origin: x for x, origin in zip(new, origins, strict=True) if origin is not None}
    if new and not file.has(("exceptions",)):
        file.add_key((), "exceptions", "[]")
    added = [x for x, origin in zip(new, origins, strict=True) if origin is None]
    for x in added:
        file.add_item(("exceptions",), _exception_block(x))
    for number in reversed(range(len(old))):
        if number not in staying:
            file.remove_item(("exceptions", number))
    for place, number in enumerate(sorted(staying)):
        loc, was, now = ("exceptions", place), old[number], staying[number]
        for name in ("backends", "profiles"):
            if getattr(was, name) != getattr(now, name):
                file.set_list((*loc, name), getattr(now, name))
        _fields(file, (*loc, "set"), was.set.fields(), now.set.fields())


def _exception_block(x: Override) -> str:
    width = WIDTH - 6
    reason = f"reason: {scalar(x.reason)}"
    if len(reason) > width or '"' in reason:
        folded = textwrap.fill(" ".join(x.reason.split()), width, break_on_hyphens=False)
        reason = "reason: >-\n" + textwrap.indent(folded, "  ")
    lines = [reason]
    if x.inert:
        lines.append("inert: true")
    lines += [_wrapped(name, getattr(x, name)) for name in ("backends", "profiles", "arches")
              if getattr(x, name)]  # fmt: skip
    return "\n".join([*lines, f"set: {_flow(x.set.fields())}"])


def _wrapped(name: str, items: list[str]) -> str:
    text = f"{name}: {_flow_list(items)}"
    return textwrap.fill(text, WIDTH - 4, subsequent_indent="   ", break_on_hyphens=False)


def _flow_list(items: list[str]) -> str:
    return f"[{', '.join(map(scalar, items))}]"


def _flow(fields: Mapping[str, object]) -> str:
    return "{" + ", ".join(f"{name}: {_value(value)}" for name, value in fields.items()) + "}"


def _value(value: object) -> str:
    if isinstance(value, list):
        return _flow_list(value)
    if isinstance(value, str) and (":" in value or "{" in value):
        return scalar(value, quote='"')
    return scalar(value)  # type: ignore[arg-type]
