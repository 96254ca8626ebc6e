"""Images that are built by a Dockerfile of LocalAI's tree."""

from collections.abc import Mapping

from dagger import BuildArg, Container, DaggerError, Directory, ExecError, Platform
from dagger.telemetry import get_tracer

from localai_ci.bases import failure
from localai_ci.errors import LocalaiCiError


async def build(
    leg: str, dockerfile: str, platform: str, tree: Directory, given: Mapping[str, str]
) -> Container:
    """The image, built; the engine applies the tree's .dockerignore.

    Args:
        leg: Its id, for errors.
        dockerfile: Path in the tree.
        platform: As the engine spells it.
        tree: The build context.
        given: The build arguments.

    Raises:
        LocalaiCiError: a step failed, or an image was not found.
    """
    with get_tracer().start_as_current_span(f"{leg}: {dockerfile}"):
        try:
            return await tree.docker_build(
                dockerfile=dockerfile,
                platform=Platform(platform),
                build_args=[BuildArg(name, value) for name, value in given.items()],
            ).sync()
        except ExecError as e:
            raise failure.of_exec(leg, dockerfile, e) from None
        except DaggerError as e:
            raise LocalaiCiError(
                f"{dockerfile} cannot be built: {failure.last_line(e)}",
                where=leg,
                remedy="A stage or file that it names is not there, or an image was not found;"
                " --base-image REF starts from another one.",
            ) from None
