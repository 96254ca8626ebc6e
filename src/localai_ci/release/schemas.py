"""JSON Schemas of the data files, for editors: `python -m localai_ci.release.schemas`."""

import json
from pathlib import Path

from pydantic import BaseModel

from localai_ci.config.backends import Backends
from localai_ci.config.compile import CompileFile
from localai_ci.config.data import data_dir
from localai_ci.config.estimates import Estimates
from localai_ci.config.go_modules import GoModules
from localai_ci.config.images import Images
from localai_ci.config.inputs import InputsFile
from localai_ci.config.model import Strict
from localai_ci.config.packages import PackagesFile
from localai_ci.config.profiles import Profiles
from localai_ci.config.registries import Registries
from localai_ci.config.upstreams import Upstreams
from localai_ci.config.variants import Variants

MODELS: dict[str, type[Strict]] = {
    "profiles": Profiles,
    "backends": Backends,
    "images": Images,
    "registries": Registries,
    "upstreams": Upstreams,
    "variants": Variants,
    "compile": CompileFile,
    "packages": PackagesFile,
    "inputs": InputsFile,
    "estimates": Estimates,
    "go-modules": GoModules,
}


def schemas() -> dict[str, str]:
    """The text of each schema file, by its name without ending."""
    from localai_ci.release.receipt import Receipt
    from localai_ci.release.result import MergeResult

    models: dict[str, type[BaseModel | Strict]] = {
        **MODELS,
        "receipt": Receipt,
        "merge-result": MergeResult,
    }
    return {
        name: json.dumps(model.model_json_schema(), indent=1, ensure_ascii=False) + "\n"
        for name, model in models.items()
    }


def write(folder: Path) -> None:
    """Bring the schema files up to date."""
    folder.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(data_dir() / "schema")
