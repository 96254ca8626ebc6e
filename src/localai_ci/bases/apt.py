"""The distribution's packages that every later step relies on."""

from localai_ci.bases.step import BaseRecipe, Step


def base(recipe: BaseRecipe) -> Step:
    """The compiler, ccache, git and the downloaders (LocalAI's install-base-deps.sh, step 1)."""
    script = recipe.install(
        "build-essential",
        "ccache",
        "git",
        "ca-certificates",
        "make",
        "pkg-config",
        "libcurl4-openssl-dev",
        "curl",
        "unzip",
        "libssl-dev",
        "wget",
    )
    return Step("apt", script)
