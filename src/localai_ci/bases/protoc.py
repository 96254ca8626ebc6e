"""The protobuf compiler."""

from localai_ci.bases.step import BaseRecipe, Step, in_scratch_folder


def compiler(recipe: BaseRecipe) -> Step:
    """``protoc``: upstream's in ``/usr/local/bin``, or the release's own with its library."""
    if recipe.variant.tools == "distribution":
        return Step("protoc", recipe.install("protobuf-compiler", "libprotobuf-dev"))
    download = recipe.upstreams.download("protoc", recipe.variant)
    script = (
        f"{recipe.fetch(download, 'protoc.zip')}unzip -q -j protoc.zip bin/protoc -d /usr/local/bin"
    )
    return Step("protoc", in_scratch_folder(script))
