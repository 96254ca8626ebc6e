"""`dagger check` without arguments: the module's own data, schemas and rules."""

from pathlib import Path

from dagger_engine import Engine, module_copy, module_with


def test_the_modules_own_data_and_schemas_are_right(engine: Engine) -> None:
    done = engine.dagger("check")
    assert done.returncode == 0, done.stderr[-3000:]
    listed = engine.dagger("check", "-l").stdout
    assert "localai-ci:data" in listed
    assert "localai-ci:schemas" in listed


def test_a_fault_in_a_data_file_fails_the_check_with_its_line(
    engine: Engine, tmp_path: Path
) -> None:
    copy = module_with(tmp_path, "inputs.yaml", "compare: proto", "compare: protocol")
    done = engine.dagger("check", "data", cwd=copy)
    assert done.returncode != 0
    assert "inputs.yaml:" in done.stderr
    assert "protocol" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_rule_that_selects_nothing_fails_the_check(engine: Engine, tmp_path: Path) -> None:
    copy = module_with(
        tmp_path, "inputs.yaml",
        "select: {os: darwin, backends: [llama-cpp]}", "select: {os: darwin, backends: [lama-cpp]}",
    )  # fmt: skip
    done = engine.dagger("check", "data", cwd=copy)
    assert done.returncode != 0
    assert "darwin-llama-cpp-script: it selects none of the" in done.stderr


def test_a_schema_that_is_out_of_date_fails_the_check_and_generate_writes_it(
    engine: Engine, tmp_path: Path
) -> None:
    copy = module_copy(tmp_path)
    schema = copy / "matrix/schema/inputs.json"
    right = schema.read_text()
    schema.write_text("{}\n")
    assert engine.dagger("check", "schemas", cwd=copy).returncode != 0
    done = engine.dagger("generate", "-y", cwd=copy)
    assert done.returncode == 0, done.stderr[-3000:]
    assert schema.read_text() == right
