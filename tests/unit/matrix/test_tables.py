"""One place says which matrix, rules and tables count for a tree."""

from pathlib import Path

import pytest
from unit.plan.deciding import counts

from localai_ci.config.data import data_dir
from localai_ci.matrix.tables import COMPILE, OWN, RULES, Tables, tables
from localai_ci.plan.change import Change
from localai_ci.plan.decide import Plan, decide
from localai_ci.plan.event import Event


def installed(name: str) -> bytes:
    return (data_dir() / name).read_bytes()


def of(files: dict[str, bytes]) -> Tables:
    return Tables(files.get)


def planned(known: Tables, *paths: str) -> Plan:
    return decide(known.matrix, known.rules, Change(Event.push, paths))


def test_a_trees_own_table_counts_and_what_it_lacks_is_the_installed_one() -> None:
    text = installed("compile.yaml").replace(b"max_size: ", b"max_size: 7")
    known = of({COMPILE: text})
    assert known.compile.ccache.max_size.startswith("7")
    assert known.compile != Tables().compile
    assert known.rules.file == Tables().rules.file
    assert known.packages == Tables().packages


def test_each_file_is_read_once() -> None:
    asked: list[str] = []

    def read(path: str) -> bytes | None:
        asked.append(path)
        return installed("compile.yaml") if path == COMPILE else None

    known = Tables(read)
    assert known.compile is known.compile
    assert asked.count(COMPILE) == 1


def test_a_matrix_of_ones_own_without_rules_rebuilds_all_for_every_shared_file() -> None:
    known = of({OWN: installed("backends.yaml")})
    everything = len(known.matrix.entries)
    assert len(planned(known, "shared/a.sh").entries) == everything
    assert len(planned(known, "README.md").entries) == everything
    assert counts(planned(known, "backend/go/whisper/main.go")) == (11, 1)


def test_a_folder_of_ones_own_brings_its_rules(tmp_path: Path) -> None:
    for name in ("profiles.yaml", "backends.yaml"):
        (tmp_path / name).write_bytes(installed(name))
    (tmp_path / "inputs.yaml").write_text(
        "roots: []\nmatrix: []\nrules:\n"
        "  - name: shared\n    reason: Everything includes it.\n    paths: [shared/*.sh]\n"
        "    select: {builds: [rust]}\n"
    )
    known = tables(tmp_path)
    assert {p.entry.build for p in planned(known, "shared/a.sh").entries} == {"rust"}
    assert not planned(known, "pkg/grpc/server.go").entries
    assert not planned(known, "shared/b/a.sh").entries


@pytest.mark.parametrize("path", [RULES, COMPILE])
def test_localais_own_file_goes_with_the_installed_rules(path: str) -> None:
    known = of({path: installed(Path(path).name)})
    assert not known.own
    assert known.rules.file == Tables().rules.file
