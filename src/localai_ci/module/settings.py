"""What all calls share: where bytes come from, and how registries are reached."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagger
from dagger import object_type

if TYPE_CHECKING:
    from localai_ci.bases.mirrors import Mirrors
    from localai_ci.config.registries import Registries
    from localai_ci.oci.login import Login


@object_type
@dataclass(kw_only=True)
class Settings:
    """What all calls share, as the module's constructor was given it."""

    mirror: str
    mirror_credentials: dagger.Secret | None
    apt_mirror: str
    apt_ports_mirror: str
    apt_snapshot: str
    epoch: str
    docker_config: dagger.Secret | None
    insecure: bool
    registries: dagger.File | None

    @property
    def mirrors(self) -> "Mirrors":
        """Where everything that is installed comes from."""
        from localai_ci.bases.mirrors import Mirrors

        return Mirrors(
            self.mirror, self.apt_mirror, self.apt_ports_mirror, self.apt_snapshot, self.epoch
        )

    async def login(self) -> "Login":
        """Credentials from the text of a Docker ``config.json``; none means anonymous.

        Raises:
            InputError: it is not such a file.
        """
        from localai_ci.oci.credentials import Keyring
        from localai_ci.oci.login import Login

        text = await self.docker_config.plaintext() if self.docker_config else "{}"
        return Login(Keyring.of_config(text), self.insecure)

    async def registries_file(self) -> "Registries":
        """The given registries.yaml, else the module's own.

        Raises:
            InputError: the file is at fault, with its line.
        """
        from localai_ci.config.reader import load
        from localai_ci.config.registries import Registries, registries

        if self.registries is None:
            return registries()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "registries.yaml"
            path.write_text(await self.registries.contents())
            return load(path, Registries)[0]
