"""The console over one registry: what a user types, from receipts to a merged image."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import pytest

from localai_ci.cli import app
from localai_ci.oci.transport import Transport
from localai_ci.release.receipt import Receipt
from localai_ci.release.result import ImageRow, MergeResult
from localai_ci.release.targets import Target
from registries.legs import SHA, Scene, place
from registries.oci import Registry
from registries.session import QUICK

EVENT = ["--event", "push", "--ref", "refs/tags/v4.2.2", "--sha", SHA]


class Console:
    """One registry, two receipts, and the console."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        self.file = folder / "registries.yaml"
        self.result = folder / "result.json"
        self.receipts = folder / "receipts"

    def set_up(self, registry: Registry) -> Target:
        target = place("own", registry.address)
        self.file.write_text(
            f"registries:\n  own:\n    backends: {target.repository}\n"
            f"    images: {target.repository}-server\n    cache: {target.anchors}\n"
            f"    anchors: cache\nbases: {target.anchors}\n"
            "tags: {backends: [semver, branch, sha]}\n"
        )

        async def push() -> None:
            async with Transport(policy=QUICK) as transport:
                for receipt in await Scene(transport, (target,)).both():
                    receipt.write(self.receipts)

        anyio.run(push)
        return target

    def run(self, *arguments: str) -> int:
        self.patch.setattr("sys.argv", ["localai-ci", *arguments])
        try:
            app()
        except SystemExit as e:
            return int(e.code or 0)
        return 0

    def merge(self, *more: str) -> int:
        return self.run(
            "merge", "--receipts", str(self.receipts), "--registries", str(self.file),
            "--result", str(self.result), *EVENT, *more,
        )  # fmt: skip

    def push(
        self, target: Target, *entries: str, labelled: bool = True, revision: str = SHA
    ) -> list[Receipt]:
        """Legs of further images, each image of one leg, with their receipts."""

        async def all_of_them() -> list[Receipt]:
            async with Transport(policy=QUICK) as transport:
                scene = Scene(transport, (target,))
                return [
                    await scene.leg(entry, labelled=labelled, revision=revision)
                    for entry in entries
                ]

        receipts = anyio.run(all_of_them)
        for receipt in receipts:
            receipt.write(self.receipts)
        return receipts

    def plan(self, *entries: str, built: Mapping[str, str] | None = None) -> Sequence[str]:
        """A plan that promises these; its arguments."""
        path = self.folder / "plan.json"
        rows = [{"id": entry} for entry in entries]
        path.write_text(json.dumps({"entries": rows, "built": built or {}}))
        return ("--plan", str(path))

    @property
    def rows(self) -> dict[str, ImageRow]:
        """What the last merge recorded, by suffix."""
        return {row.suffix: row for row in MergeResult.read(self.result).images}
