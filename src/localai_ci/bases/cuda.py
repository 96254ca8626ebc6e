"""NVIDIA: the CUDA toolkit, and the solvers that arm64 needs beside it."""

from localai_ci.bases.step import BaseRecipe, Step, in_scratch_folder
from localai_ci.errors import InputError

_LIBRARIES = ("libcufft", "libcurand", "libcublas", "libcusparse", "libcusolver")


def toolkit(recipe: BaseRecipe) -> Step:
    """The compiler and the development libraries of one CUDA version, from NVIDIA's archive."""
    major, minor = _version(recipe)
    suffix = f"{major}-{minor}"
    packages = [f"cuda-nvcc-{suffix}", *(f"{name}-dev-{suffix}" for name in _LIBRARIES)]
    if major == "13" and recipe.variant.arch == "arm64":
        packages += [
            f"libcufile-{suffix}",
            f"libcudnn9-cuda-{major}",
            f"cuda-cupti-{suffix}",
            f"libnvjitlink-{suffix}",
        ]
    keyring = recipe.upstreams.download("cuda-keyring", recipe.variant)
    script = (
        recipe.install("software-properties-common", "pciutils")
        + recipe.fetch(keyring, "cuda-keyring.deb")
        + "dpkg -i cuda-keyring.deb\n"
        + recipe.install(*packages)
    )
    return Step("cuda", in_scratch_folder(script))


def solvers(recipe: BaseRecipe) -> Step | None:
    """The packages cuDSS and NVPL, which NVIDIA publishes for arm64 only; None elsewhere.

    They come as packages that hold a whole repository, 300 MB and more, which goes again.
    """
    if recipe.variant.arch != "arm64":
        return None
    major, _ = _version(recipe)
    script = _from_local_repository(recipe, "cudss", "cudss", f"cudss-cuda-{major}")
    script += _from_local_repository(recipe, "nvpl", "nvpl")
    return Step("cudss-nvpl", in_scratch_folder(script))


def _from_local_repository(recipe: BaseRecipe, name: str, *packages: str) -> str:
    download = recipe.upstreams.download(name, recipe.variant)
    # The package's own source list names its key under /usr/share/keyrings, but ships it beside
    # the packages, in its repository's folder.
    return f"""\
{recipe.fetch(download, f"{name}.deb")}\
repository=$(dpkg-deb --field {name}.deb Package)
dpkg -i {name}.deb
key=$(find "/var/$repository" -name '*-keyring.gpg')
[ -n "$key" ] || {{ echo "localai-ci: $repository brings no key for its packages" >&2; exit 65; }}
cp "$key" /usr/share/keyrings/
{recipe.install(*packages, recommends=True)}\
dpkg --purge "$repository"
rm -rf "/var/$repository" "/usr/share/keyrings/$(basename "$key")"
"""


def _version(recipe: BaseRecipe) -> tuple[str, str]:
    version = recipe.variant.cuda_version
    if version is None:
        raise InputError("no CUDA version", where=f"variant {recipe.variant.name}")
    return version
