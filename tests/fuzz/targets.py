"""The readers, each as a function of bytes, and a small corpus to start from."""

import asyncio
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outcome import outcome

from localai_ci.backends import ccache_statistics, package_check, smoke
from localai_ci.backends.ccache import inputs_in
from localai_ci.backends.dockerfile_use import used
from localai_ci.backends.dockerignore import Ignoring
from localai_ci.backends.go_files import imports_of, parse_go_mod, parse_go_sum
from localai_ci.backends.pins import Pin, read_pin, submodules
from localai_ci.bases import report as base_report
from localai_ci.config.compile import load_compile
from localai_ci.config.estimates import load_estimates
from localai_ci.config.globs import compiled
from localai_ci.config.packages import load_packages
from localai_ci.config.reader import parse
from localai_ci.errors import InputError
from localai_ci.matrix.infer import propose
from localai_ci.matrix.loading import MATRIX_PATHS, matrix_in_tree
from localai_ci.matrix.plain_rows import plain_rows
from localai_ci.matrix.rules import load_inputs
from localai_ci.matrix.tables import Tables
from localai_ci.oci.challenge import challenge as read_challenge
from localai_ci.oci.credentials import Keyring
from localai_ci.oci.reference import Reference
from localai_ci.plan.changed_list import parse_list
from localai_ci.plan.proto import breaking_changes
from localai_ci.release.inbox import read_folder
from localai_ci.release.promise import read_promise
from localai_ci.release.result import MergeResult
from localai_ci.text import printable

Target = Callable[[bytes], object]
TARGETS: dict[str, Target] = {}

HERE = Path(__file__).parent
SOURCE = load_compile().backends["llama-cpp"].source
PARENT = Pin("https://github.com/a/b", "0" * 40)
PATHS = ("a", "a/b/c.py", "backend/go/whisper/main.go", "/".join("abcdefghij" * 4), "x\ny")


def target(read: Target) -> Target:
    """Register a reader under its function's name."""

    def bounded(data: bytes) -> object:
        return outcome(lambda: read(data))

    TARGETS[read.__name__] = bounded
    return read


def text(data: bytes) -> str:
    """As files of a tree are decoded."""
    return data.decode("utf-8", "replace")


def in_file(data: bytes, name: str, read: Callable[[Path], object]) -> object:
    """What a reader of files makes of this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        return read(path)


@target
def yaml(data: bytes) -> object:
    return parse(Path("x.yaml"), data)


@target
def table_of_builds(data: bytes) -> object:
    return load_compile(Path("compile.yaml"), data)


@target
def table_of_packages(data: bytes) -> object:
    return load_packages(Path("packages.yaml"), data)


@target
def table_of_estimates(data: bytes) -> object:
    return load_estimates(Path("estimates.yaml"), data)


@target
def table_of_rules(data: bytes) -> object:
    rules = load_inputs(Path("inputs.yaml"), data)
    return [rules.rule(path) for path in PATHS]


@target
def own_matrix(data: bytes) -> object:
    return matrix_in_tree({MATRIX_PATHS[1]: data}.get)


@target
def localai_matrix(data: bytes) -> object:
    matrix = matrix_in_tree({MATRIX_PATHS[2]: data}.get)
    if matrix is None:
        return None
    known = Tables()
    from localai_ci.config.backends import Backends
    from localai_ci.config.data import data_dir
    from localai_ci.config.reader import load

    backends = load(data_dir() / "backends.yaml", Backends)[0]
    return propose(matrix.entries, known.profiles, backends)


@target
def makefile_pin(data: bytes) -> object:
    return read_pin(text(data), SOURCE)


@target
def listed_submodules(data: bytes) -> object:
    return submodules(text(data), PARENT)


@target
def protocol(data: bytes) -> object:
    before, _, after = text(data).partition("\0")
    return [str(change) for change in breaking_changes(before, after or before)]


@target
def dockerignore(data: bytes) -> object:
    ignoring = Ignoring.of(text(data))
    return [ignoring.leaves_out(path) for path in PATHS]


@target
def glob(data: bytes) -> object:
    pattern = compiled([text(data)], where="inputs.yaml:1")
    return [bool(pattern.match(path)) for path in PATHS]


@target
def dockerfile(data: bytes) -> object:
    """What of a Dockerfile makes an image."""
    return used(text(data), {"A": "x"})


@target
def go_mod(data: bytes) -> object:
    """A go.mod, and which of its modules a package is of."""
    return parse_go_mod(text(data)).provider("a.b/c/d")


@target
def go_sum(data: bytes) -> object:
    """A go.sum."""
    return parse_go_sum(text(data))


@target
def go_source(data: bytes) -> object:
    """What a Go source imports."""
    return imports_of(text(data))


@target
def plain_matrix(data: bytes) -> object:
    """LocalAI's matrix, read line by line."""
    return plain_rows(data)


@target
def docker_config(data: bytes) -> object:
    keyring = Keyring.of_config(text(data))
    names = ("docker.io", "quay.io", "127.0.0.1:5000")
    return [asyncio.run(keyring.find(name)) for name in names]


@target
def challenge(data: bytes) -> object:
    found = read_challenge(data.decode("latin-1"))
    assert set(found) <= {"basic", "bearer"}
    return found


@target
def reference(data: bytes) -> object:
    return Reference.parse(text(data))


@target
def receipt(data: bytes) -> object:
    found = in_file(data, "cpu-llama-cpp--amd64.json", lambda path: read_folder(path.parent))
    told = [str(one) for one in found.unusable]  # type: ignore[attr-defined]
    assert all(len(one) < 4000 and one == printable(one, lines=True) for one in told)
    return found


@target
def plan(data: bytes) -> object:
    return in_file(data, "plan.json", read_promise)


@target
def merge_result(data: bytes) -> object:
    return in_file(data, "result.json", MergeResult.read)


@target
def changed_files(data: bytes) -> object:
    return parse_list(data, "--changed-files")


@target
def package_probe(data: bytes) -> object:
    return package_check.read(text(data))


@target
def statistics_of_ccache(data: bytes) -> object:
    return ccache_statistics.read(text(data)).as_line()


@target
def description_of_a_cache(data: bytes) -> object:
    try:
        return inputs_in(text(data))
    except ValueError:
        return None  # warned of where it is read: the build goes on without


@target
def answer_of_a_backend(data: bytes) -> object:
    return smoke.read("cpu-llama-cpp/amd64", text(data))


@target
def probe_of_a_base(data: bytes) -> object:
    return base_report.read_pairs(text(data))


@target
def report_of_a_base(data: bytes) -> object:
    return in_file(data, "toolchain.json", base_report.load_report)


def corpus(name: str) -> list[bytes]:
    """Inputs to start from: those of the target, and what was found with it."""
    return [path.read_bytes() for path in sorted((HERE / "corpus" / name).glob("*"))] or [b""]


def as_json(value: Any) -> bytes:
    """For seeds."""
    return json.dumps(value).encode()


__all__ = ["TARGETS", "InputError", "corpus"]
