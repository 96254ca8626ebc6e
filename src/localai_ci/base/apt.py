"""Debian packages: the one way this project installs them."""

from collections.abc import Sequence

from localai_ci.base.step import Step

# LocalAI's install-base-deps.sh, step 1.
BASE_PACKAGES = (
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

# apt-get update exits 0 when an archive cannot be reached, unless told otherwise.
_OPTIONS = "-o APT::Update::Error-Mode=any -o Acquire::Retries=3 -o Acquire::http::Timeout=30"


def install(packages: Sequence[str], *, recommends: bool = False) -> str:
    """Bash that installs packages and leaves no package list behind.

    Args:
        packages: Names, optionally ``name=version``.
        recommends: Also install what they recommend.
    """
    flag = "" if recommends else "--no-install-recommends "
    return "\n".join(
        (
            "export DEBIAN_FRONTEND=noninteractive",
            f"apt-get {_OPTIONS} update",
            f"apt-get {_OPTIONS} install -y {flag}{' '.join(packages)}",
            "apt-get clean",
            "rm -rf /var/lib/apt/lists/*",
        )
    )


def base() -> Step:
    """The compiler, ccache, git and the downloaders: what every later step relies on."""
    return Step("apt", install(BASE_PACKAGES))
