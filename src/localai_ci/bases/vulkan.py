"""The Vulkan SDK: compiled on amd64, as LunarG ships it; a ready tarball on arm64."""

from localai_ci.bases.step import BaseRecipe, Step, in_scratch_folder

# What LunarG's SDK needs to be compiled, and what ggml's shaders need to be.
_TOOLS = ("software-properties-common", "pciutils", "wget", "gpg-agent")
_LIBRARIES = (
    "libglm-dev",
    "cmake",
    "libxcb-dri3-0",
    "libxcb-present0",
    "libpciaccess0",
    "libpng-dev",
    "libxcb-keysyms1-dev",
    "libxcb-dri3-dev",
    "libx11-dev",
    "g++",
    "gcc",
    "libwayland-dev",
    "libxrandr-dev",
    "libxcb-randr0-dev",
    "libxcb-ewmh-dev",
    "git",
    "python-is-python3",
    "bison",
    "libx11-xcb-dev",
    "liblz4-dev",
    "libzstd-dev",
    "ocaml-core",
    "ninja-build",
    "pkg-config",
    "libxml2-dev",
    "wayland-protocols",
    "python3-jsonschema",
    "clang-format",
    "qtbase5-dev",
    "qt6-base-dev",
    "libxcb-glx0-dev",
    "sudo",
    "xz-utils",
)
# Without a driver in the package an image falls back to the CPU silently.
_DRIVERS = ("mesa-vulkan-drivers", "libdrm2")
_COMPONENTS = "vulkan-loader vulkan-validationlayers vulkan-extensionlayer vulkan-tools shaderc"


def sdk(recipe: BaseRecipe) -> Step:
    """Loader, layers, tools and shaderc, spread over /usr as packages would be."""
    download = recipe.upstreams.download("vulkan-sdk", recipe.variant)
    machine = "x86_64" if recipe.variant.arch == "amd64" else "aarch64"
    compile_it = (
        f"./vulkansdk --no-deps --maxjobs {_COMPONENTS}\n" if recipe.variant.arch == "amd64" else ""
    )
    script = f"""\
{recipe.install(*_TOOLS)}\
{recipe.install(*_LIBRARIES, recommends=True)}\
{recipe.install(*_DRIVERS, recommends=True)}\
{recipe.fetch(download, "sdk.tar.xz")}\
tar -xf sdk.tar.xz --no-same-owner
rm sdk.tar.xz
cd {download.version}
{compile_it}\
cp -dR {machine}/bin/. /usr/bin/
cp -dR {machine}/lib/. /usr/lib/{machine}-linux-gnu/
cp -dR {machine}/include/. /usr/include/
cp -dR {machine}/share/. /usr/share/
ldconfig
"""
    return Step("vulkan", in_scratch_folder(script))
