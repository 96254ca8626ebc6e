"""The rows of a file in LocalAI's format, validated: for what is not written plainly."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from localai_ci.config.reader import Document, parse, validate
from localai_ci.matrix.localai_forms import rows_of


def _text(value: object) -> object:
    """Numbers and booleans that someone left unquoted, as the strings they stand for."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_text)]


class _LocalaiRow(BaseModel):
    """A row; keys that LocalAI may add later are kept, not lost."""

    model_config = ConfigDict(extra="allow", frozen=True)

    backend: Text
    tag_suffix: Text = Field(alias="tag-suffix")
    build_type: Text = Field("", alias="build-type")


class _LinuxRow(_LocalaiRow):
    dockerfile: Text
    platforms: Text
    runner: Text = Field(alias="runs-on")
    base_image: Text = Field("", alias="base-image")
    cuda_major: Text = Field("", alias="cuda-major-version")
    cuda_minor: Text = Field("", alias="cuda-minor-version")
    ubuntu: Text = Field("", alias="ubuntu-version")
    skip_drivers: Text = Field("false", alias="skip-drivers")
    platform_tag: Text = Field("", alias="platform-tag")
    builder: Text = Field("", alias="builder-base-image")
    tag_latest: Text = Field("auto", alias="tag-latest")
    context: Text = "./"
    amdgpu_targets: Text = Field("", alias="amdgpu-targets")


class _DarwinRow(_LocalaiRow):
    lang: Text = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    include: list[_LinuxRow]
    includeDarwin: list[_DarwinRow] = []  # noqa: N815 - LocalAI's key


def validated(
    path: Path, data: bytes | None
) -> tuple[list[dict[str, str]], list[dict[str, str]], Document]:
    """The rows of the two lists by LocalAI's keys, and the document for their lines.

    Raises:
        InputError: not such a file; each fault with its line.
    """
    document = rows_of(parse(path, data))
    file = validate(document, _File)
    return (
        [_plain(row) for row in file.include],
        [_plain(row) for row in file.includeDarwin],
        document,
    )


def _plain(row: _LocalaiRow) -> dict[str, str]:
    given = row.model_dump(by_alias=True, exclude_unset=True)
    return {key: str(_text(value)) for key, value in given.items()}
