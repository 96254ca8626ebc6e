"""Intel: the GPU's user-space driver. The oneAPI compilers come with the base image."""

from localai_ci.bases.step import BaseRecipe, Step

_KEY = "/usr/share/keyrings/intel-graphics.asc"


def driver(recipe: BaseRecipe) -> Step:
    """OpenCL and Level Zero from Intel's archive: Ubuntu's own are two years older."""
    key = recipe.upstreams.download("intel-graphics-key", recipe.variant)
    packages = recipe.install("intel-opencl-icd", "libze-intel-gpu1")
    script = f"""\
. /etc/os-release
[ -n "${{VERSION_CODENAME:-}}" ] ||
  {{ echo "localai-ci: /etc/os-release names no VERSION_CODENAME" >&2; exit 65; }}
{recipe.fetch(key, _KEY)}\
echo "deb [arch=amd64 signed-by={_KEY}]" \\
  "https://repositories.intel.com/gpu/ubuntu $VERSION_CODENAME unified" \\
  >/etc/apt/sources.list.d/intel-graphics.list
{packages}"""
    return Step("intel-driver", script)
