"""`base … publish` to two real registries, one of them with a password."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dagger_engine import Done, Engine, executed
from registries.debian import output
from registries.session import CANARY
from typer.testing import CliRunner

from localai_ci.cli import commands

VARIANT = "debian-amd64"


@pytest.fixture(scope="module")
def flags(registry: str, closed_registry: str, docker_config: Path) -> tuple[str, ...]:
    repositories = f"{registry}/ci-cache,{closed_registry}/team/ci-cache"
    secret = f"file://{docker_config}"
    return ("--repository", repositories, "--docker-config", secret, "--insecure")


def publish(engine: Engine, *flags: str) -> tuple[Done, list[dict[str, str]]]:
    done = engine.call("base", "publish", "--variant", VARIANT, *flags)
    assert done.returncode == 0, done.stderr[-4000:]
    return done, json.loads(done.stdout)


@pytest.fixture(scope="module")
def inspect(docker_config: Path) -> Callable[[str], dict[str, Any]]:
    """What another client reads."""
    access = ("--tls-verify=false", "--authfile", str(docker_config))

    def read(reference: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            output("skopeo", "inspect", *access, f"docker://{reference}")
        )
        return found

    return read


@pytest.fixture(scope="module")
def first(engine: Engine, flags: tuple[str, ...]) -> tuple[Done, list[dict[str, str]]]:
    return publish(engine, *flags)


def test_both_tags_of_both_registries_are_one_image(
    first: tuple[Done, list[dict[str, str]]], inspect: Callable[[str], dict[str, Any]]
) -> None:
    _, results = first
    assert [result["how"] for result in results] == ["built", "copied"]
    assert len({result["digest"] for result in results}) == 1
    for result in results:
        assert result["moving"].endswith(f"ci-cache:base-grpc-{VARIANT}")
        assert re.fullmatch(rf".*:base-grpc-{VARIANT}-[0-9a-f]{{12}}", result["immutable"])
        for tag in ("moving", "immutable"):
            assert inspect(result[tag])["Digest"] == result["digest"]


def test_publishing_again_builds_and_pushes_nothing(
    engine: Engine, flags: tuple[str, ...], first: tuple[Done, list[dict[str, str]]]
) -> None:
    done, results = publish(engine, *flags)
    assert [result["how"] for result in results] == ["found", "found"]
    assert [r["digest"] for r in results] == [r["digest"] for r in first[1]]
    assert not [step for step in executed(done) if "apt-get" in step]
    assert "Container.publish" not in done.stderr


def test_a_new_epoch_is_a_new_image_and_moves_the_moving_tag(
    engine: Engine,
    flags: tuple[str, ...],
    first: tuple[Done, list[dict[str, str]]],
    inspect: Callable[[str], dict[str, Any]],
) -> None:
    _, results = publish(engine, *flags, "--epoch", "2026-W47")
    assert results[0]["immutable"] != first[1][0]["immutable"]
    assert inspect(results[1]["moving"])["Digest"] == results[1]["digest"]
    assert inspect(first[1][1]["immutable"])["Digest"] == first[1][1]["digest"]


def test_the_password_is_seen_nowhere(
    first: tuple[Done, list[dict[str, str]]], inspect: Callable[[str], dict[str, Any]]
) -> None:
    done, results = first
    assert CANARY not in done.stdout + done.stderr
    assert CANARY not in json.dumps(inspect(results[1]["moving"]))


def test_without_the_password_it_says_which_registry_refuses(
    engine: Engine, closed_registry: str
) -> None:
    repository = ("--repository", f"{closed_registry}/team/none", "--insecure")
    done = engine.call("base", "publish", "--variant", VARIANT, *repository)
    assert done.returncode != 0
    error = done.stderr[done.stderr.rindex("Error: ") :]
    assert closed_registry in error
    assert "Traceback" not in done.stderr


def test_the_published_base_is_the_one_built_in_place(
    engine: Engine, tmp_path: Path, first: tuple[Done, list[dict[str, str]]]
) -> None:
    """Prebuilt and fromsource start from the same thing: judged by what is installed."""
    reports = []
    for name, flags in (("built", ()), ("pulled", ("--published", first[1][0]["moving"]))):
        path = tmp_path / f"{name}.json"
        path.write_text(engine.ok("base", "toolchain", "--variant", VARIANT, *flags, "--as-json"))
        reports.append(str(path))
    done = CliRunner().invoke(commands, ["bases", "differ", *reports])
    assert done.stdout == "no difference in tools, packages and environment\n"
