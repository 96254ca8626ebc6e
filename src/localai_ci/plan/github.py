"""A plan as outputs of a GitHub job: shards, flags, and the limits that GitHub does not announce.

Output names: ``run_all``, ``has_backends``, ``has_linux``, ``has_darwin``, ``has_merges``,
``linux_shards`` and ``darwin_shards`` (lists of numbers), and for each shard n ``has_linux_n``
with ``linux_n`` (a matrix for ``fromJSON``), the same for darwin, and ``merges`` (tag suffixes).
"""

from collections.abc import Iterable, Mapping, Sequence

from localai_ci import json_text
from localai_ci.errors import InputError
from localai_ci.matrix import limits
from localai_ci.plan.jobs import SHARD, Job, shards


def outputs(
    jobs: Iterable[Job], *, run_all: bool, size: int = SHARD, blocks: int = 0
) -> dict[str, str]:
    """The outputs, by name.

    Args:
        jobs: All jobs of the plan.
        run_all: Whether the plan builds the whole matrix.
        size: Most jobs of one shard.
        blocks: How many shards the workflow has jobs for, per system; 0 is as many as needed.

    Raises:
        InputError: more shards than the workflow has, or outputs above GitHub's limits.
    """
    listed = list(jobs)
    # Darwin's images are pushed by their own jobs: there is nothing of theirs to merge.
    linux = (e for j in listed for e in j.entries if e.os == "linux")
    suffixes = list(dict.fromkeys(e.suffix for e in linux))
    result = {
        "run_all": _flag(run_all),
        "has_backends": _flag(listed),
        "has_merges": _flag(suffixes),
        "merges": _compact(suffixes),
    }
    for system in ("linux", "darwin"):
        parts = shards([j for j in listed if j.os == system], size)
        _check_blocks(system, len(parts), blocks, size)
        result[f"has_{system}"] = _flag(parts)
        result[f"{system}_shards"] = _compact(list(range(1, len(parts) + 1)))
        for number in range(1, max(len(parts), blocks) + 1):
            part = parts[number - 1] if number <= len(parts) else ()
            result[f"has_{system}_{number}"] = _flag(part)
            result[f"{system}_{number}"] = _compact({"include": [j.as_json() for j in part]})
    check_sizes(result)
    return result


def check_sizes(result: Mapping[str, str]) -> int:
    """The bytes of all outputs, as GitHub counts them.

    Raises:
        InputError: above a limit, with what to do.
    """
    sizes = {name: len(text.encode("utf-16-le", "surrogatepass")) for name, text in result.items()}
    total = sum(sizes.values())
    if total > limits.OUTPUTS:
        name = max(sizes, key=lambda n: sizes[n])
        raise InputError(
            f"the outputs take {total} bytes as GitHub counts them, above {limits.OUTPUTS}; the"
            f" largest is {name} with {sizes[name]}",
            remedy="Use --pack, which needs fewer jobs, or plan fewer entries at once.",
        )
    return total


def _check_blocks(system: str, needed: int, blocks: int, size: int) -> None:
    if blocks and needed > blocks:
        raise InputError(
            f"the {system} jobs need {needed} shards of {size}, and the workflow has {blocks}",
            remedy="Add job blocks to the workflow and raise --blocks, or use --pack.",
        )


def _flag(value: object) -> str:
    return "true" if value else "false"


def _compact(value: Mapping[str, object] | Sequence[object]) -> str:
    return json_text.write(value)


def render(result: Mapping[str, str]) -> str:
    """The text to append to ``$GITHUB_OUTPUT``."""
    return "".join(f"{name}={text}\n" for name, text in result.items())
