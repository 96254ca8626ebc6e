"""Arguments that several functions share, each documented once.

Plain assignments: Dagger's type reader cannot resolve ``type X = …``.
"""

from typing import Annotated, TypeAlias

from dagger import Doc

VariantName: TypeAlias = Annotated[
    str, Doc("Builder base to build; `dagger call variants` lists them")
]
BaseImage: TypeAlias = Annotated[
    str | None,
    Doc("Start from this image reference instead of the variant's own, same release expected"),
]
