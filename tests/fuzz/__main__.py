"""Fuzz every reader for some minutes, and report: `make fuzz MINUTES=10`.

Guided by coverage where atheris is installed, else by mutation alone. What fails is kept in
tests/fuzz/found/ (not in git): put the smallest of a kind into the corpus once it is fixed.
"""

import argparse
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
FOUND = HERE / "found"
BYTES = 2 << 30
MEMORY_MB = 1500


def guided(name: str, seconds: int) -> tuple[int, list[Path]]:
    """One target under atheris, in a process of its own; inputs tried, and the files that fail."""
    FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as grown:
        before = set(FOUND.iterdir())
        done = subprocess.run(
            [sys.executable, "-m", "fuzz", "--target", name, grown, str(HERE / "corpus" / name),
             f"-max_total_time={seconds}", "-max_len=65536", f"-rss_limit_mb={MEMORY_MB}",
             "-timeout=20", "-print_final_stats=1", f"-artifact_prefix={FOUND}/{name}-"],
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
    counted = re.findall(r"number_of_executed_units: (\d+)|^#(\d+)", done.stderr, re.MULTILINE)
    tried = max((int(a or b) for a, b in counted), default=0)
    found = sorted(set(FOUND.iterdir()) - before)
    if done.returncode and not found:
        sys.stdout.write(done.stderr[-3000:])
    return tried, found


def inside(name: str, arguments: list[str]) -> None:
    """Become atheris' process for one target."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["localai_ci"]):
        from fuzz.targets import TARGETS
    os.environ["FUZZ_SECONDS"] = "15"
    atheris.Setup([sys.argv[0], *arguments], lambda data: TARGETS[name](data) and None)
    atheris.Fuzz()


def unguided(name: str, seconds: int) -> tuple[int, list[Path]]:
    """One target by mutation: inputs tried, and the files that fail, one of a kind."""
    from fuzz.mutation import mutated
    from fuzz.targets import TARGETS, corpus

    rng, seeds = random.Random(), corpus(name)
    kinds: dict[tuple[str, int], bytes] = {}
    end, tried = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = mutated(seeds, rng)
        tried += 1
        try:
            TARGETS[name](data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            at = error.__traceback__
            while at and at.tb_next:
                at = at.tb_next
            kind = (type(error).__name__, at.tb_lineno if at else 0)
            kinds[kind] = min(kinds.get(kind, data), data, key=len)
    FOUND.mkdir(exist_ok=True)
    files = []
    for data in kinds.values():
        path = FOUND / f"{name}-{sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        files.append(path)
    return tried, files


def main() -> int:
    """Run all targets, or be one of them."""
    if sys.argv[1:2] == ["--target"]:
        inside(sys.argv[2], sys.argv[3:])
        return 0
    arguments = argparse.ArgumentParser("fuzz")
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--only", nargs="*", default=[])
    asked = arguments.parse_args()
    from fuzz.targets import TARGETS

    names = asked.only or list(TARGETS)
    seconds = max(1, int(asked.minutes * 60 / len(names)))
    run = guided if find_spec("atheris") else unguided
    if run is unguided:
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    total, failed = 0, list[Path]()
    for name in names:
        tried, found = run(name, seconds)
        total, failed = total + tried, failed + found
        told = "".join(f"\n    {path}" for path in found)
        sys.stdout.write(f"{name:24} {tried:>10} inputs, {len(found)} faults{told}\n")
        sys.stdout.flush()
    sys.stdout.write(
        f"{total} inputs in {len(names)} readers, {len(failed)} faults ({run.__name__})\n"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
