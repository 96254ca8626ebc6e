"""Our files as text, in the layout they are written in by hand."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from localai_ci.config.backends import Backends, Override
from localai_ci.config.profiles import Profiles

HEAD = "# yaml-language-server: $schema=schema/{}.json\n"
WIDTH = 98


def profiles_yaml(profiles: Profiles) -> str:
    """profiles.yaml, without what equals the default."""
    data = profiles.model_dump(exclude_defaults=True)
    body = {name: {"suffix": "", **fields} for name, fields in data.pop("profiles").items()}
    return HEAD.format("profiles") + "".join(
        [_block(data), "profiles:\n", *(_block({n: f}, 2) for n, f in body.items())]
    )


def backends_yaml(backends: Backends) -> str:
    """backends.yaml: a line for each backend, a block for each exception."""
    lines = [HEAD.format("backends") + _block({"defaults": backends.defaults.model_dump()})]
    lines.append("builds:\n")
    lines += [
        f"  {name}: {_flow(build.model_dump(exclude_defaults=True))}\n"
        for name, build in backends.builds.items()
    ]
    lines.append("backends:\n")
    for build, names in backends.backends.items():
        lines.append(f"  {build}:\n")
        lines += [f"    {name}: [{', '.join(targets)}]\n" for name, targets in names.items()]
    lines.append("exceptions:\n" if backends.exceptions else "exceptions: []\n")
    lines += [_exception(exception) for exception in backends.exceptions]
    return "".join(lines)


def _exception(exception: Override) -> str:
    reason = textwrap.indent(textwrap.fill(exception.reason, WIDTH - 6), " " * 6)
    lines = [f"  - reason: >-\n{reason}\n"]
    if exception.inert:
        lines.append("    inert: true\n")
    lines.append(_list("backends", exception.backends))
    lines.append(_list("profiles", exception.profiles))
    if exception.arches:
        lines.append(_list("arches", exception.arches))
    return "".join(lines) + f"    set: {_flow(exception.set.fields())}\n"


def _list(key: str, names: Iterable[str]) -> str:
    text = f"    {key}: [{', '.join(names)}]"
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * 6, break_on_hyphens=False) + "\n"


def _block(data: Mapping[str, Any], indent: int = 0) -> str:
    text = yaml.safe_dump(dict(data), sort_keys=False, width=WIDTH, default_flow_style=None)
    return textwrap.indent(text, " " * indent)


def _flow(data: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(dict(data), sort_keys=False, width=10_000, default_flow_style=True)
    return text.strip()
