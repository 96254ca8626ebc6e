"""The builder base: one composition of small steps, read off the variant.

`steps` decides, `build` executes. Steps that more variants share come first, so that they are
executed once for all of them.
"""

from dagger import Container, DaggerError, ExecError, Platform, dag
from dagger.telemetry import get_tracer

from localai_ci.base import apt, cmake, failure, grpc, protoc, verify
from localai_ci.base.step import Step
from localai_ci.errors import InputError
from localai_ci.matrix.variants import Release, Variant


def steps(variant: Variant, release: Release) -> tuple[Step, ...]:
    """All steps of a base, in order. Pure.

    Raises:
        InputError: the variant takes its tools from upstream, which no step does yet.
    """
    if variant.tools != "distribution" or not (release.protoc and release.grpc):
        raise InputError(
            f"{variant.name} downloads protoc and gRPC from upstream, which no step does yet",
            where=f"variant {variant.name}",
            remedy="Use debian-amd64 or debian-arm64.",
        )
    expected = {"protoc": release.protoc, "cmake": release.cmake, "grpc": release.grpc}
    return (
        apt.base(),
        protoc.from_distribution(),
        cmake.from_distribution(),
        grpc.from_distribution(),
        verify.versions(expected),
    )


async def build(variant: Variant, release: Release, base_image: str | None = None) -> Container:
    """Execute the steps, one span each, so that the first failure is told by its name.

    Raises:
        LocalaiCiError: the image cannot be had, the platform does not run here, or a step failed.
    """
    image = base_image or variant.base_image
    plan = steps(variant, release)
    tracer = get_tracer()
    try:
        with tracer.start_as_current_span(f"{variant.name}: from {image}"):
            container = dag.container(platform=Platform(variant.platform)).from_(image)
            await container.with_exec(["true"]).sync()  # what is in it runs here
    except DaggerError as e:
        raise failure.of_image(variant, image, str(await dag.default_platform()), e) from None
    for step in plan:
        try:
            with tracer.start_as_current_span(f"{variant.name}: {step.name}"):
                container = await container.with_(step).sync()
        except ExecError as e:
            raise failure.of_step(variant, step, e) from None
    return container
