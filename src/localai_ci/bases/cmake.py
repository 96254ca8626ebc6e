"""CMake: the release's package, or compiled from source."""

from localai_ci.bases.step import BaseRecipe, Step, in_scratch_folder


def tool(recipe: BaseRecipe) -> Step:
    """``cmake``, as the variant's ``cmake:`` says."""
    if recipe.variant.cmake == "package":
        return Step("cmake", recipe.install("cmake", recommends=True))
    download = recipe.upstreams.download("cmake", recipe.variant)
    script = f"""\
{recipe.fetch(download, "cmake.tar.gz")}\
tar -xf cmake.tar.gz --strip-components 1
./configure --parallel="$(nproc)"
make -j"$(nproc)"
make install
"""
    return Step("cmake", in_scratch_folder(script))
