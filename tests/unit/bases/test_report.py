"""A base's report: read from what it says of itself, compared tool by tool."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from localai_ci.bases import report
from localai_ci.bases.report import Toolchain
from localai_ci.cli import commands
from localai_ci.config.variants import load_variants
from localai_ci.errors import LocalaiCiError

FILE = load_variants()
PINNED = {"protoc": "27.1", "grpc": "v1.65.0", "cmake": "3.31.10"}


def a_report(**fields: dict[str, str]) -> Toolchain:
    return Toolchain(
        variant="amd64", image="ubuntu@sha256:1", tools={"cmake": "3.28.3"}
    ).model_copy(update=fields)


def written(folder: Path, name: str, value: Toolchain) -> str:
    path = folder / name
    path.write_text(report.as_json(value))
    return str(path)


def test_a_probe_is_read_and_what_is_not_there_left_out() -> None:
    text = "noise\ncmake\t3.28.3\nrocm\t\ngrpc\t1.65.0\n"
    assert report.read_pairs(text) == {"cmake": "3.28.3", "grpc": "1.65.0"}


@pytest.mark.parametrize(
    ("name", "promised"),
    [
        ("amd64", {"protoc": "27.1", "grpc": "1.65.0", "cmake": "3.28"}),
        ("cuda-13-amd64", {"protoc": "27.1", "grpc": "1.65.0", "cmake": "3.22"}),
        ("debian-amd64", {"protoc": "3.21", "grpc": "1.51", "cmake": "3.25"}),
    ],
)
def test_a_variant_promises_its_releases_and_upstreams_versions(
    name: str, promised: dict[str, str]
) -> None:
    variant = FILE.get(name)
    assert report.expected(variant, FILE.release(variant), PINNED) == promised


def test_a_compiled_cmake_is_promised_in_upstreams_version() -> None:
    variant = FILE.get("amd64").model_copy(update={"cmake": "source"})
    assert report.expected(variant, FILE.release(variant), PINNED)["cmake"] == "3.31.10"


def test_a_version_is_a_prefix_of_whole_numbers() -> None:
    report.verify(FILE.get("amd64"), {"cmake": "3.28.3"}, {"cmake": "3.28"})
    with pytest.raises(LocalaiCiError, match=r"cmake is 3\.280\.1, promised 3\.28"):
        report.verify(FILE.get("amd64"), {"cmake": "3.280.1"}, {"cmake": "3.28"})


def test_a_missing_tool_is_told_as_missing() -> None:
    with pytest.raises(LocalaiCiError, match="grpc is not there, promised 1"):
        report.verify(FILE.get("amd64"), {}, {"grpc": "1.65.0"})


def test_equal_bases_have_no_difference(tmp_path: Path) -> None:
    same = written(tmp_path, "a.json", a_report())
    done = CliRunner().invoke(commands, ["bases", "differ", same, same])
    assert (done.exit_code, done.stdout) == (
        0,
        "no difference in tools, packages and environment\n",
    )


def test_different_bases_are_told_line_by_line_and_exit_1(tmp_path: Path) -> None:
    left = written(tmp_path, "a.json", a_report(environment={"MAKEFLAGS": "-j4"}))
    right = written(tmp_path, "b.json", a_report(packages={"ccache": "4.9"}))
    done = CliRunner().invoke(commands, ["bases", "differ", left, right, "--format", "json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout) == [
        {"what": "packages: ccache", "left": "-", "right": "4.9"},
        {"what": "environment: MAKEFLAGS", "left": "-j4", "right": "-"},
    ]


def test_a_file_that_is_no_report_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}")
    done = CliRunner().invoke(commands, ["bases", "differ", str(path), str(path)])
    assert "this key is missing" in str(done.exception)
