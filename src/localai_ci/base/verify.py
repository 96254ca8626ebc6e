"""The last step of a base: its tools are what the variant says, or it is not accepted."""

import shlex

from localai_ci.base.step import Step

# What prints each tool's version, in the base.
_ASK = {
    "protoc": "protoc --version",
    "cmake": "cmake --version",
    "grpc": "pkg-config --modversion grpc++",
}


def versions(expected: dict[str, str]) -> Step:
    """Compare installed versions with ``expected``: tool to version prefix (``3.25``)."""
    checks = "\n".join(
        f"check {tool} {shlex.quote(version)} {_ASK[tool]}" for tool, version in expected.items()
    )
    script = f"""\
check() {{
  local tool=$1 want=$2; shift 2
  local got; got=$("$@" | grep -oE '[0-9]+(\\.[0-9]+)+' | head -n 1)
  case "$got" in
    "$want" | "$want".*) ;;
    *) echo "$tool is $got, but the variant says $want: mend matrix/variants.yaml," \\
         "or the archive that serves it" >&2; exit 1 ;;
  esac
}}
{checks}
"""
    return Step("verify", script)
