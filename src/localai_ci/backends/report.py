"""What a build of a backend was: measured, for people and for programs, and judged."""

from localai_ci import json_text
from localai_ci.backends.build import BuiltBackend
from localai_ci.backends.ccache_statistics import WARM_ENOUGH
from localai_ci.errors import LocalaiCiError
from localai_ci.text import printable, table


def check_cache(built: BuiltBackend) -> None:
    """The canary: a rebuild of unchanged inputs finds nearly everything in its cache.

    Raises:
        LocalaiCiError: it found too little in the cache, or there was none of these inputs.
    """
    statistics = built.statistics
    if statistics is None or not statistics.unchanged:
        raise LocalaiCiError(
            "there is no cache of the very same inputs to try",
            where=built.entry.id,
            remedy="Save one first: backend --ccache REPOSITORY … image --ccache-save.",
        )
    if not statistics.objects:
        raise LocalaiCiError(
            "nothing went through ccache: it was asked for 0 objects",
            where=built.entry.id,
            remedy="CMake does not start the compiler through ccache: see CMAKE_*_COMPILER_LAUNCHER"
            " in the compile step, and whether the Makefile passes it on.",
        )
    if statistics.is_broken:
        raise LocalaiCiError(
            f"an unchanged rebuild found {statistics.hits} of"
            f" {statistics.objects} objects ({statistics.rate:.0%}) in"
            f" {statistics.restored}, expected at least {WARM_ENOUGH:.0%}",
            where=built.entry.id,
            remedy="Something that changes with every build reaches the compiler: a date, a path,"
            " a timestamp. CCACHE_DEBUG=1 in the compile step shows what.",
        )


def as_json(built: BuiltBackend) -> str:
    """Everything that was measured."""
    return json_text.write(
        {
            "entry": built.entry.id,
            "inputs": built.inputs,
            "found": built.found,
            "base": built.base,
            "ccache": built.statistics.as_dict() if built.statistics else None,
            "bytes": sum(built.contents.sizes.values()),
            "bytes_by_part": built.contents.bytes_by_part,
        },
        indent=2,
    )


def as_table(built: BuiltBackend) -> str:
    """The same for people."""
    parts = built.contents.bytes_by_part
    rows = [(part, f"{size / 1e6:.1f}") for part, size in parts.items()]
    rows.append(("all", f"{sum(parts.values()) / 1e6:.1f}"))
    if built.found:
        told = f"{built.entry.id}\nnot built: {built.found} has the very same inputs"
        return printable(told, lines=True)
    head = [built.entry.id, f"base: {built.base}" if built.base else ""]
    head += [built.statistics.as_line()] if built.statistics else []
    lines = (*filter(None, head), "", table(("part", "MB"), rows))
    return printable("\n".join(lines), lines=True)
