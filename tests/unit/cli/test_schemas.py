"""Editors read the schemas; they must say what the models say."""

from localai_ci.config.data import data_dir
from localai_ci.release import schemas


def test_the_schemas_are_up_to_date() -> None:
    folder = data_dir() / "schema"
    found = {p.stem: p.read_text("utf-8") for p in folder.glob("*.json")}
    assert found == schemas.schemas(), "run: python -m localai_ci.release.schemas"


def test_every_data_file_names_its_schema() -> None:
    for path in data_dir().glob("*.yaml"):
        first = path.read_text("utf-8").splitlines()[0]
        assert first == f"# yaml-language-server: $schema=schema/{path.stem}.json"
