"""A step of a builder base: data first (so it can be compared and hashed), a function second."""

from dataclasses import dataclass

from dagger import Container

# Nothing is swallowed: an unset variable, a failed command or a failed pipe ends the step.
SHELL = ("bash", "-euo", "pipefail", "-c")


@dataclass(frozen=True)
class Step:
    """One step: ``Container -> Container``, applied with ``container.with_(step)``.

    Attributes:
        name: What the user sees in the trace and in errors: ``apt``, ``protoc``, ``grpc``.
        script: Bash, run as root in ``/``; exports stay inside it, so that no build variable
            reaches the image's environment.
        urls: What the step fetches, named when it fails.
    """

    name: str
    script: str
    urls: tuple[str, ...] = ()

    def __call__(self, container: Container) -> Container:
        """The container with this step's layer on top."""
        return container.with_exec([*SHELL, self.script])
