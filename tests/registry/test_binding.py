"""A receipt moves the image of its own leg, and no other: whatever a job writes into it."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registries.console import Console
from registries.http11 import Answer, Request, Response, serving
from registries.legs import BOTH, SHA
from registries.oci import Registry, Repo, oci_registry

from localai_ci.errors import InputError
from localai_ci.names import input_tag, receipt_file
from localai_ci.release.inbox import read_folder
from localai_ci.release.result import MergeResult
from localai_ci.release.targets import Target

FINE, WRONG = "cpu-fine/amd64", "cpu-wrong/amd64"
OTHER = "b" * 40
Json = dict[str, Any]


@contextmanager
def set_up(console: Console) -> Iterator[tuple[Registry, Target]]:
    """A registry with two images, each of one leg."""
    with oci_registry() as registry:
        target = console.set_up(registry)
        for entry in BOTH:
            (console.receipts / receipt_file(entry)).unlink()
        console.push(target, FINE, WRONG)
        yield registry, target


def rewrite(console: Console, entry: str, change: Callable[[Json], None], to: str = "") -> None:
    """Change a receipt's file as a job that was taken over would.

    Its configuration is left out, so that what it says must be read from the registry.
    """
    path = console.receipts / receipt_file(entry)
    data: Json = json.loads(path.read_text())
    data.pop("configuration")
    change(data)
    path.unlink()
    (console.receipts / receipt_file(to or data["entry"])).write_text(json.dumps(data))


def another_digest(console: Console) -> Callable[[Json], None]:
    fine = json.loads((console.receipts / receipt_file(FINE)).read_text())

    def change(data: Json) -> None:
        for key in ("digest", "size", "manifest", "config", "layers"):
            data[key] = fine[key]
        for one in data["publications"]:
            one["digest"] = fine["digest"]

    return change


def another_revision(data: Json) -> None:
    data["run"]["revision"] = OTHER


def another_run(data: Json) -> None:
    data["run"]["id"] = "4712"


def another_day(data: Json) -> None:
    data["run"]["day"] = "2026-11-21"


def another_architecture(data: Json) -> None:
    data["entry"], data["legs"] = "cpu-wrong/arm64", ["cpu-wrong/arm64"]
    data["platform"]["architecture"] = "arm64"
    for one in data["publications"]:
        one["anchor"] = one["anchor"].replace("amd64", "arm64")


def another_variant(data: Json) -> None:
    data["platform"]["variant"] = "v2"


def another_legs_anchor(data: Json) -> None:
    for one in data["publications"]:
        one["anchor"] = one["anchor"].replace("cpu-wrong", "cpu-fine")


def a_foreign_repository(data: Json) -> None:
    for one in data["publications"]:
        host, _, rest = one["anchor"].partition("/")
        one["anchor"] = f"{host}/private/{rest}"


def an_unknown_registry(data: Json) -> None:
    data["publications"][0]["registry"] = "elsewhere"


def the_same_registry_twice(data: Json) -> None:
    data["publications"] *= 2


FORGED = [
    another_revision, another_run, another_day, another_architecture, another_variant,
    another_legs_anchor, a_foreign_repository, an_unknown_registry, the_same_registry_twice,
]  # fmt: skip


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_receipt_is_refused_by_name_and_that_image_alone(
    console: Console, forged: Callable[[Json], None]
) -> None:
    with set_up(console) as (registry, target):
        anchors = dict(registry.repos[target.anchors.path].tags)
        rewrite(console, WRONG, forged)
        assert console.merge() == 1
        rows = console.rows
        assert rows["-cpu-fine"].status == "merged"
        assert rows["-cpu-wrong"].status == "refused"
        assert "cpu-wrong" in rows["-cpu-wrong"].error
        assert {tag.partition("-cpu-")[2] for tag in registry.repos[target.repository.path].tags}
        assert not [t for t in registry.repos[target.repository.path].tags if "wrong" in t]
        left = registry.repos[target.anchors.path].tags
        assert {tag for tag in anchors if "wrong" in tag} <= set(left)


@pytest.mark.parametrize("labelled", [True, False])
def test_the_bytes_of_another_leg_are_refused(console: Console, labelled: bool) -> None:
    """By their labels; without labels by the anchor, which has another digest."""
    with set_up(console) as (registry, target):
        if not labelled:
            console.push(target, FINE, WRONG, labelled=False)
        rewrite(console, WRONG, another_digest(console))
        assert console.merge() == 1
        assert console.rows["-cpu-wrong"].status == "refused"
        assert "is not of this leg" in console.rows["-cpu-wrong"].error
        assert console.rows["-cpu-fine"].status == "merged"
        assert not [t for t in registry.repos[target.repository.path].tags if "wrong" in t]


def test_legs_without_labels_are_merged_on_the_word_of_their_anchors_alone(
    console: Console,
) -> None:
    with set_up(console) as (registry, target):
        console.push(target, FINE, WRONG, labelled=False)
        tags = registry.repos[target.anchors.path].tags
        del tags[next(tag for tag in tags if "wrong" in tag)]
        assert console.merge() == 1
        assert console.rows["-cpu-fine"].status == "merged"
        assert "its anchors are gone" in console.rows["-cpu-wrong"].error


@pytest.mark.parametrize("planned", [True, False])
def test_no_backend_becomes_the_server_image(console: Console, planned: bool) -> None:
    """With a plan as it promises no such thing; without one by what the bytes say they are."""

    def change(data: Json) -> None:
        data["kind"], data["entry"], data["legs"] = "images", "core/amd64", ["core/amd64"]
        for one in data["publications"]:
            one["anchor"] = one["anchor"].replace("cpu-wrong", "core")

    with set_up(console) as (registry, target):
        rewrite(console, WRONG, change)
        assert console.merge(*(console.plan(FINE) if planned else ())) == 1
        told = console.rows[""].error
        assert ("the plan promised no core/amd64" if planned else "io.localai.ci.entry") in told
        assert not registry.repos.get(f"{target.repository.path}-server", Repo()).tags
        assert console.rows["-cpu-fine"].status == "merged"


def test_nothing_is_sent_to_where_a_receipt_points(console: Console) -> None:
    seen: list[Request] = []

    async def service(request: Request) -> Answer:
        seen.append(request)
        return Response(200)

    with set_up(console), serving(service) as port:

        def change(data: Json) -> None:
            for one in data["publications"]:
                one["anchor"] = f"127.0.0.1:{port}/{one['anchor'].partition('/')[2]}"

        rewrite(console, WRONG, change)
        assert console.merge() == 1
    assert not seen


def test_a_run_can_be_demanded(console: Console) -> None:
    with set_up(console):
        assert console.merge("--run-id", "4712") == 1
        assert "of the run '4711', not of '4712'" in console.rows["-cpu-fine"].error
        assert console.merge("--run-id", "4711") == 0


def test_only_the_name_of_inputs_can_be_said_to_be_built_before(console: Console) -> None:
    with set_up(console) as (registry, target):
        assert console.merge() == 0
        repo = registry.repos[target.repository.path]
        before = dict(repo.tags)
        (console.receipts / receipt_file(WRONG)).unlink()
        theirs = input_tag("0" * 12, "-cpu-fine", "amd64")
        repo.tags[theirs] = repo.tags["latest-cpu-fine"]
        at = f"{target.repository}"
        for place in (
            f"{at}:v4.2.2-cpu-fine", f"{at}:{theirs}", f"{target.anchors}:{theirs}",
            f"elsewhere.test/x:{theirs}", f"{at}@{repo.tags[theirs]}", f"{at}:{theirs}x", "::",
        ):  # fmt: skip
            again = console.plan(built={WRONG: place})
            assert console.merge(*again, "--ref", "refs/tags/v4.2.3") == 1
            assert "no receipt for cpu-wrong/amd64" in console.rows["-cpu-wrong"].error
            assert repo.tags["latest-cpu-wrong"] == before["latest-cpu-wrong"]


def a_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**30)


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "an empty object": lambda path: path.write_text("{}"),
    "a folder": lambda path: path.mkdir(),
    "a link": a_link,
    "a gigabyte": huge,
    "a pipe": os.mkfifo,
    "a deep list": lambda path: path.write_text("[" * 100_000),
    "a long number": lambda path: path.write_text('{"size": ' + "9" * 400 + "}"),
    "no text": lambda path: path.write_bytes(b"\xff\xfe"),
    "a surrogate": lambda path: path.write_text('{"manifest": "\\ud800"}'),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_file_that_is_no_receipt_fails_the_image_it_is_named_after_alone(
    console: Console, what: str
) -> None:
    with set_up(console) as (registry, target):
        path = console.receipts / receipt_file(WRONG)
        path.unlink()
        UNUSABLE[what](path)
        assert console.merge() == 1
        assert console.rows["-cpu-fine"].status == "merged"
        assert console.rows["-cpu-wrong"].status == "refused"
        assert str(path) in console.rows["-cpu-wrong"].error
        assert not [t for t in registry.repos[target.repository.path].tags if "wrong" in t]


def test_a_file_whose_name_tells_nothing_is_named_and_the_merge_does_not_end_well(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with set_up(console):
        (console.receipts / "y.json").mkdir()
        assert console.merge() == 1
        assert "y.json: not a receipt: it is a folder" in capsys.readouterr().err
        assert {row.status for row in console.rows.values()} == {"merged"}
        assert "y.json" in MergeResult.read(console.result).unusable[0]


def test_a_second_receipt_of_one_leg_fails_that_image_alone(console: Console) -> None:
    with set_up(console):
        data = json.loads((console.receipts / receipt_file(WRONG)).read_text())
        data["seconds"] = 1.0
        (console.receipts / "more").mkdir()
        (console.receipts / "more" / receipt_file(WRONG)).write_text(json.dumps(data))
        assert console.merge() == 1
        assert "another receipt for cpu-wrong/amd64" in console.rows["-cpu-wrong"].error
        assert console.rows["-cpu-fine"].status == "merged"


@pytest.mark.parametrize(
    "text", ["[]", "{", "[" * 99_999, '{"entries": [{"id": "x"}]}', '{"entries": [{"id": 1}]}',
             '{"entries": [], "built": [1]}', '{"entries": [], "built": {"a/b": 1}}'],
)  # fmt: skip
def test_a_plan_that_is_none_is_one_message(
    console: Console, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    with set_up(console):
        (console.folder / "plan.json").write_text(text)
        assert console.merge("--plan", str(console.folder / "plan.json")) == 2
        assert "not a plan" in capsys.readouterr().err


KEYS = ("kind", "entry", "legs", "platform", "digest", "size", "media_type", "manifest", "config",
        "layers", "publications", "run", "built", "configuration", "version")  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["images", "core/amd64", SHA, OTHER, FINE, f"sha256:{'0' * 64}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_whatever_stands_in_one_field_another_image_is_never_moved(
    bound_console: tuple[Console, Registry, Target, Json], key: str, value: Any
) -> None:
    """Each example starts from the same registry; the sound image is never touched by it."""
    console, registry, target, sound = bound_console
    (console.receipts / receipt_file(WRONG)).write_text(json.dumps({**sound, key: value}))
    assert console.merge("--keep-anchors") in {0, 1}
    tags = registry.repos[target.repository.path].tags
    assert {name for name in tags if "wrong" not in name and "fine" not in name} == set()
    assert not registry.repos.get(f"{target.repository.path}-server", Repo()).tags


@pytest.fixture
def bound_console(console: Console) -> Iterator[tuple[Console, Registry, Target, Json]]:
    with set_up(console) as (registry, target):
        sound = json.loads((console.receipts / receipt_file(WRONG)).read_text())
        yield console, registry, target, sound


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_a_receipt_or_named_as_none(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("inbox")
    (folder / "x.json").write_bytes(data)
    with pytest.raises(InputError, match="no receipt"):
        read_folder(folder)


def test_a_socket_is_no_receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("s.json")
        with pytest.raises(InputError, match="it is a device"):
            read_folder(tmp_path)
