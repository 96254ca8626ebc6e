"""A plan as outputs of a GitHub job: shards, flags, and the limits that GitHub does not announce.

Output names: ``run_all``, ``has_backends``, ``has_linux``, ``has_darwin``, ``has_merges``,
``linux_shards`` and ``darwin_shards`` (lists of numbers), and for each shard n ``has_linux_n``
with ``linux_n`` (a matrix for ``fromJSON``), the same for darwin, and ``merges`` (tag suffixes).
``has_images`` and ``images`` (a matrix) are of the server image.

A row of a matrix has ``name``, ``runner``, ``arch``, ``entries``, ``minutes``, ``kind`` and
``artifact``; of Darwin also the inputs of LocalAI's own workflow, by their names.
"""

from collections.abc import Iterable, Mapping, Sequence

from localai_ci import json_text
from localai_ci.config.profiles import AS_LOCALAI, DarwinWorkflow
from localai_ci.errors import InputError
from localai_ci.matrix import limits
from localai_ci.matrix.entry import Entry
from localai_ci.matrix.localai import darwin_inputs
from localai_ci.names import split_entry_id
from localai_ci.plan.jobs import SHARD, Job, shards


def outputs(
    jobs: Iterable[Job],
    server: Iterable[Job] = (),
    *,
    run_all: bool,
    darwin: DarwinWorkflow = AS_LOCALAI,
    built: Iterable[str] = (),
    size: int = SHARD,
    blocks: int = 0,
) -> dict[str, str]:
    """The outputs, by name.

    Args:
        jobs: All jobs of backends.
        server: All jobs of the server image.
        run_all: Whether the plan builds the whole matrix.
        darwin: What its workflow is called with beside a row's own fields.
        built: Ids of entries that were built before, and are only merged.
        size: Most jobs of one shard.
        blocks: How many shards the workflow has jobs for, per system; 0 is as many as needed.

    Raises:
        InputError: more shards than the workflow has, or outputs above GitHub's limits.
    """
    listed, images = list(jobs), list(server)
    named = [e.suffix for j in listed for e in j.entries]
    named += [split_entry_id(entry)[0] for entry in built]
    suffixes = list(dict.fromkeys(named))
    result = {
        "run_all": _flag(run_all),
        "has_backends": _flag(listed),
        "has_images": _flag(images),
        "has_merges": _flag(suffixes or images),
        "merges": _compact(suffixes),
        "images": _matrix(images, darwin),
    }
    for system in ("linux", "darwin"):
        parts = shards([j for j in listed if j.os == system], size)
        _check_blocks(system, len(parts), blocks, size)
        result[f"has_{system}"] = _flag(parts)
        result[f"{system}_shards"] = _compact(list(range(1, len(parts) + 1)))
        for number in range(1, max(len(parts), blocks) + 1):
            part = parts[number - 1] if number <= len(parts) else ()
            result[f"has_{system}_{number}"] = _flag(part)
            result[f"{system}_{number}"] = _matrix(part, darwin)
    check_sizes(result)
    return result


def _matrix(jobs: Iterable[Job], darwin: DarwinWorkflow) -> str:
    return _compact({"include": [_row(job, darwin) for job in jobs]})


def _row(job: Job, darwin: DarwinWorkflow) -> dict[str, object]:
    """A row of a matrix; Darwin's are jobs of one entry each."""
    inputs = [darwin_inputs(e, darwin) for e in job.entries if isinstance(e, Entry)]
    return job.as_json() | (inputs[0] if job.os == "darwin" else {})


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
