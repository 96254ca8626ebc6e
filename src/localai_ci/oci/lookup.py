"""Asking registries by name whether an image is there: what a plan needs of them."""

from localai_ci.errors import LocalaiCiError
from localai_ci.oci import manifests
from localai_ci.oci.reference import Reference
from localai_ci.oci.retry import Policy
from localai_ci.oci.transport import Transport

PATIENCE = Policy(attempts=3, cap=2.0, budget=30.0, outage=10.0, timeout=15.0, deadline=20.0)
"""An answer only saves work: it is not waited for as a publish waits."""


class Lookup:
    """Finds images; asks with HEAD, which no registry counts as a pull.

    Attributes:
        failures: By registry, why it is not asked any more: it failed once. What it holds counts
            as not there, so it is built.
    """

    def __init__(self, transport: Transport) -> None:
        """Ask through ``transport``."""
        self._transport = transport
        self.failures: dict[str, str] = {}

    async def find(self, reference: str) -> str | None:
        """The digest of an image, or None if there is none, or no answer."""
        image = Reference.parse(reference)
        if image.repository.registry in self.failures:
            return None
        try:
            return await manifests.find(self._transport, image)
        except LocalaiCiError as e:
            self.failures[image.repository.registry] = str(e)
            return None
