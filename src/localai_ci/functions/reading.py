"""What a caller gives as a secret or a file, read."""

import tempfile
from pathlib import Path

from dagger import File, Secret

from localai_ci.config.reader import load
from localai_ci.config.registries import Registries, registries
from localai_ci.oci.credentials import Keyring
from localai_ci.oci.login import Login


async def login(docker_config: Secret | None, *, insecure: bool) -> Login:
    """Credentials from the text of a Docker ``config.json``; none means anonymous."""
    text = await docker_config.plaintext() if docker_config else "{}"
    return Login(Keyring.of_config(text), insecure)


async def read_registries(file: File | None) -> Registries:
    """The given registries.yaml, else the module's own.

    Raises:
        InputError: the file is at fault, with its line.
    """
    if file is None:
        return registries()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registries.yaml"
        path.write_text(await file.contents())
        return load(path, Registries)[0]
