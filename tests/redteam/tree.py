"""The fork: LocalAI's miniature with two commits, and what an attack adds to it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from localai_ci.config.data import data_dir
from localai_ci.matrix.tables import PATHS
from redteam.canaries import Canaries

FIXTURES = Path(__file__).parents[1] / "fixtures"
Attack = Callable[[Path, Canaries], None]
ATTACKS: dict[str, Attack] = {}
"""By name; each changes a checkout, whose first commit is sound."""

ESC = "\x1b[31m\x1b]8;;http://evil.example\x07"
COMMANDS = "::add-mask::x\n::set-output name=a::b\n##[set-output name=a]b"
BREAKS = "'; touch {ran}; '\"; touch {ran}; \"$(touch {ran})`touch {ran}`"


LATE: set[str] = set()
"""Attacks on the clone itself: nobody could commit in it any more."""


def attack(make: Attack) -> Attack:
    """Register an attack under its function's name."""
    ATTACKS[make.__name__] = make
    return make


def late(make: Attack) -> Attack:
    """The same of an attack that comes after its commit."""
    LATE.add(make.__name__)
    return attack(make)


def git(root: Path, *arguments: str) -> str:
    """Git as the attacker has it."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments],
        env=environ, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def fork(folder: Path, name: str, canaries: Canaries) -> Path:
    """A clone of a fork: one sound commit, then the attack's, both checked out."""
    root = folder / "fork"
    shutil.copytree(FIXTURES / "localai", root)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "sound")
    (root / "docs/page.md").write_text("edited\n")
    if name not in LATE:
        ATTACKS[name](root, canaries)
    git(root, "add", "--all")
    git(root, "commit", "-qm", "attack", "--allow-empty")
    if name in LATE:
        ATTACKS[name](root, canaries)
    canaries.ran.unlink(missing_ok=True)
    return root


def program(canaries: Canaries, name: str) -> Path:
    """A program of the attacker's, that says it ran."""
    path = canaries.ran.parent / f"evil-{name}"
    path.write_text(f"#!/bin/sh\necho {name} >>'{canaries.ran}'\ncat \"$HOME/.netrc\"\n")
    path.chmod(0o755)
    return path


def put(root: Path, path: str, text: str | bytes) -> None:
    """A file of the tree, whatever was there."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_symlink():
        file.unlink()
    file.write_bytes(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)


def own_matrix(root: Path, path: str, old: str, new: str) -> None:
    """The module's own tables, carried by the tree, with one place changed."""
    for file in data_dir().glob("*.yaml"):
        if f"matrix/{file.name}" in PATHS:
            put(root, f"matrix/{file.name}", file.read_text())
    text = (root / path).read_text()
    assert old in text, f"{old!r} is not in {path}"
    put(root, path, text.replace(old, new, 1))


@late
def settings_of_git_that_start_programs(root: Path, canaries: Canaries) -> None:
    for name in ("core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass",
                 "diff.external", "diff.x.command", "diff.x.textconv", "filter.x.clean",
                 "filter.x.smudge", "filter.x.process", "credential.helper", "gpg.program",
                 "uploadpack.packObjectsHook", "alias.ls-files", "alias.diff"):  # fmt: skip
        git(root, "config", name, str(program(canaries, name)))
    put(root, ".gitattributes", "* filter=x diff=x merge=x\n")
    hooks = root / ".git/hooks"
    for name in ("post-checkout", "post-index-change", "pre-commit", "reference-transaction",
                 "post-update", "fsmonitor-watchman"):  # fmt: skip
        shutil.copy(program(canaries, name), hooks / name)
    git(root, "config", "core.hooksPath", str(hooks))


@late
def a_promisor_that_is_a_program(root: Path, canaries: Canaries) -> None:
    evil = program(canaries, "promisor")
    git(root, "config", "remote.origin.url", f"ext::{evil}")
    git(root, "config", "remote.origin.promisor", "true")
    git(root, "config", "extensions.partialClone", "origin")
    git(root, "config", "protocol.ext.allow", "always")


@late
def a_promisor_on_loopback(root: Path, canaries: Canaries) -> None:
    git(root, "config", "remote.origin.url", f"http://127.0.0.1:{canaries.port}/x.git")
    git(root, "config", "remote.origin.promisor", "true")
    git(root, "config", "extensions.partialClone", "origin")


@late
def alternates_outside(root: Path, canaries: Canaries) -> None:
    put(root, ".git/objects/info/alternates", f"{canaries.outside.parent}\n")
    put(root, ".git/info/grafts", "x" * 1000)


@attack
def links_out_of_the_tree(root: Path, canaries: Canaries) -> None:
    for path in (*PATHS, ".dockerignore", "backend/backend.proto", "backend/Dockerfile.golang",
                 "backend/cpp/llama-cpp/Makefile", "Makefile"):  # fmt: skip
        put(root, path, "")
        (root / path).unlink()
        (root / path).symlink_to(canaries.outside)


@attack
def a_link_to_the_netrc(root: Path, canaries: Canaries) -> None:
    put(root, "matrix/backends.yaml", "")
    (root / "matrix/backends.yaml").unlink()
    (root / "matrix/backends.yaml").symlink_to(canaries.home / ".netrc")


@attack
def a_folder_that_is_a_link_out(root: Path, canaries: Canaries) -> None:
    (root / "matrix").symlink_to(canaries.home)
    (root / "backend/go/evil").symlink_to(canaries.home)


@late
def a_pipe_in_place_of_a_table(root: Path, _: Canaries) -> None:
    (root / "matrix").mkdir()
    os.mkfifo(root / "matrix/backends.yaml")


@attack
def a_device_in_place_of_a_table(root: Path, _: Canaries) -> None:
    (root / "matrix").mkdir()
    (root / "matrix/backends.yaml").symlink_to("/dev/zero")


@attack
def names_of_files_that_speak_to_terminals_and_runners(root: Path, _: Canaries) -> None:
    names = [
             "::add-mask::x", f"a\n{COMMANDS}", ESC, "[red]x[/]", "[/x].md", "<script>x</script>",
             "|a|b|", "```x", "](http://evil.example)", "\u202etxt.exe", "a\rb", "a\tb", "-rf",
             "--",
             "caf\udce9", '"quoted"', "back\\slash", "%s%n", "{x}", "$(id)", "x" * 200]  # fmt: skip
    for name in names:
        put(root, f"backend/go/local-store/{name.replace('/', '_')}", "x")
        put(root, name.replace("/", "_"), "x")


def _row(root: Path, **changes: object) -> None:
    row = {
        "build-type": "", "cuda-major-version": "", "cuda-minor-version": "",
        "platforms": "linux/amd64", "tag-latest": "auto", "tag-suffix": "-cpu-local-store",
        "runs-on": "ubuntu-latest", "base-image": "ubuntu:24.04", "skip-drivers": "true",
        "backend": "local-store", "dockerfile": "./backend/Dockerfile.golang", "context": "./",
        "ubuntu-version": "2404",
    } | changes  # fmt: skip
    put(root, ".github/backend-matrix.yml", json.dumps({"include": [row], "includeDarwin": []}))


def _hostile_row(field: str) -> Attack:
    def make(root: Path, canaries: Canaries) -> None:
        _row(root, **{field: f"-x{BREAKS.format(ran=canaries.ran)}\n{COMMANDS}{ESC}"})

    return make


for _field in ("build-type", "cuda-major-version", "platforms", "tag-latest", "tag-suffix",
               "runs-on", "base-image", "backend", "dockerfile", "context", "ubuntu-version",
               "platform-tag", "builder-base-image", "amdgpu-targets", "unknown"):  # fmt: skip
    ATTACKS[f"a_row_whose_{_field}_is_hostile"] = _hostile_row(_field)


@attack
def a_row_whose_files_are_outside(root: Path, canaries: Canaries) -> None:
    up = "../" * 20 + str(canaries.home).lstrip("/")
    _row(root, backend=up, dockerfile=f"./{up}/.netrc", context=up)


@attack
def a_row_for_a_stronger_runner(root: Path, _: Canaries) -> None:
    _row(root, **{"runs-on": "bigger-runner"})


@attack
def a_table_of_aliases(root: Path, _: Canaries) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{n}: &{n} [{', '.join([f'*{p}'] * 10)}]"
        for p, n in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    put(root, "matrix/backends.yaml", "\n".join(lines))


@attack
def a_table_that_is_too_deep(root: Path, _: Canaries) -> None:
    put(root, "matrix/inputs.yaml", "[" * 200_000)
    put(root, ".github/backend-matrix.yml", "- " * 100_000)


@attack
def a_table_that_is_too_large(root: Path, _: Canaries) -> None:
    put(root, "matrix/backends.yaml", "x: 1\n" * 2_000_000)


@attack
def tables_of_odd_values(root: Path, _: Canaries) -> None:
    put(
        root,
        "matrix/backends.yaml",
        "a: 2024-99-99\nb: !!int ''\n? [a]\n: c\nd: !!python/object/apply:os.system ['id']\n",
    )
    put(root, "matrix/inputs.yaml", b"\xff\xfe\x00")


@attack
def a_format_that_allocates(root: Path, _: Canaries) -> None:
    own_matrix(root, "matrix/backends.yaml", "{backend}", "{backend:>1999999999}")


@attack
def patterns_that_explode(root: Path, _: Canaries) -> None:
    put(
        root,
        ".dockerignore",
        "\n".join(["**/" * 10 + "x", "*a" * 30, "[\\]", "[" * 1000, "!" * 999, "{" * 500]),
    )
    own_matrix(root, "matrix/inputs.yaml", "paths: [", f"paths: ['{'**/' * 10}x', '{'*a' * 30}b', ")
    put(root, "/".join(["a"] * 60 + ["b"]), "x")


@attack
def a_protocol_without_an_end(root: Path, _: Canaries) -> None:
    put(root, "backend/backend.proto", 'syntax = "proto3";\n' + "message A {" * 20_000)


@attack
def build_files_of_endless_lines(root: Path, _: Canaries) -> None:
    word = "a/" * 30_000
    put(root, "Makefile", f"X := {word}\n" * 3 + "\\\n" * 20_000)
    put(root, "backend/Dockerfile.golang", f"ARG {word}\nCOPY {word} .\n" + "FROM a AS b\n" * 5000)
    put(root, "backend/cpp/llama-cpp/Makefile", f"LLAMA_REPO?={word}\nLLAMA_VERSION?={word}\n")


@attack
def third_party_sources_of_its_own(root: Path, canaries: Canaries) -> None:
    makefile = f"LLAMA_VERSION?={'0' * 40}\nLLAMA_REPO?=https://x;id>{canaries.ran};#\n"
    put(root, "backend/cpp/llama-cpp/Makefile", makefile)
    own_matrix(
        root,
        "matrix/compile.yaml",
        "credential_hosts: [github.com]",
        "credential_hosts: [127.0.0.1]",
    )


@attack
def a_submodule_of_its_own(root: Path, canaries: Canaries) -> None:
    url = f'ext::sh -c "id>{canaries.ran}"'
    named = '[submodule "--upload-pack=x"]'
    put(root, ".gitmodules", f"{named}\npath = backend/rust/x\nurl = {url}\n")
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},backend/rust/x")
