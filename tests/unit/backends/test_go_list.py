"""What Go says of packages becomes rows; asking Go itself needs Go, and is tried where it is."""

import shutil
import subprocess
from pathlib import Path

import pytest

from localai_ci.backends.go_list import GoPackage, as_text, go_packages, merged, rows
from localai_ci.config.data import data_dir
from localai_ci.config.go_modules import GoModules, load_go_modules


def package(module: str, *imports: str, version: str = "v1") -> GoPackage:
    return GoPackage(frozenset(imports), module, version if module != "main" else "")


PACKAGES = {
    "m/backend/go/x": package("main", "fmt", "a.b/c", "m/pkg"),
    "m/pkg": package("main", "d.e/f/g"),
    "a.b/c": package("a.b/c", "h.i/j", "os"),
    "d.e/f/g": package("d.e/f"),
    "h.i/j": package("h.i/j", "d.e/f/g"),
}


def test_a_row_says_all_modules_that_a_package_of_others_links() -> None:
    found = {tuple(row.packages): row.modules for row in rows(PACKAGES)}
    assert found == {
        ("a.b/c",): {"a.b/c": "v1", "d.e/f": "v1", "h.i/j": "v1"},
        ("d.e/f/g",): {"d.e/f": "v1"},
    }


def test_rows_of_other_versions_stay_and_the_text_is_read_back(tmp_path: Path) -> None:
    table = merged(GoModules(generated={"pkg/p": ["x.y/z"]}, links=[]), rows(PACKAGES))
    newer = PACKAGES | {"d.e/f/g": package("d.e/f", version="v2")}
    both = merged(table, rows(newer))
    assert [row["d.e/f"] for row in both.closures["d.e/f/g"]] == ["v1", "v2"]
    assert merged(both, rows(newer)) == both
    path = tmp_path / "go-modules.yaml"
    path.write_text(as_text(both, "# why\n\ngenerated: {}\n"))
    assert path.read_text().startswith("# why\n\ngenerated:\n")
    assert load_go_modules(path) == both


def test_the_installed_table_is_as_it_would_be_written() -> None:
    path = data_dir() / "go-modules.yaml"
    assert as_text(load_go_modules(path), path.read_text()) == path.read_text()


def test_go_is_asked_without_writing_into_the_tree(tmp_path: Path) -> None:
    if not shutil.which("go"):
        pytest.skip("needs go")
    files = {
        "go.mod": "module m\n\ngo 1.20\n",
        "backend/go/x/main.go": 'package main\n\nimport (\n\t"fmt"\n\t"m/pkg"\n\t"m/made"\n)\n'
        "func main() { fmt.Println(pkg.A, made.A) }\n",
        "pkg/pkg.go": "package pkg\n\nconst A = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = go_packages(tmp_path, {"made": ["strings"]})
    assert {"m/backend/go/x", "m/pkg", "m/made"} <= set(found)
    assert rows(found) == []
    there = subprocess.run(["find", "."], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "made" not in there.stdout
