"""What a Dockerfile says of its image is in the registry after build and publish."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from dagger_engine import Engine

DOCKERFILE = """\
FROM debian:bookworm
ARG GREETING=hello
ENV GREETING=$GREETING
LABEL org.opencontainers.image.title=fixture
WORKDIR /srv
USER nobody
VOLUME /models /data
EXPOSE 8080 53/udp
STOPSIGNAL SIGINT
SHELL ["/bin/bash", "-c"]
ONBUILD RUN echo built upon
HEALTHCHECK --interval=60s --timeout=1m --start-period=10s --retries=3 CMD ["/bin/true"]
ENTRYPOINT ["/bin/echo"]
CMD ["hello"]
"""
SECOND = 10**9


def config(registry: str, repository: str, tag: str) -> dict[str, Any]:
    """The image's configuration, as the registry has it."""

    def read(kind: str, name: str) -> dict[str, Any]:
        request = urllib.request.Request(f"http://{registry}/v2/{repository}/{kind}/{name}")
        request.add_header("Accept", "application/vnd.oci.image.manifest.v1+json")
        with urllib.request.urlopen(request) as answer:
            document: dict[str, Any] = json.load(answer)
        return document

    manifest = read("manifests", tag)
    whole: dict[str, Any] = read("blobs", manifest["config"]["digest"])["config"]
    return whole


def test_a_dockerfiles_healthcheck_and_all_else_it_declares_are_kept(
    engine: Engine, registry: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    done = engine.dagger(
        *("core", "host", "directory", f"--path={tmp_path}", "docker-build"),
        # As push.py has it: OCI media types, one compression.
        *("publish", f"--address={registry}/declared:1", "--forced-compression=GZIP"),
        "--media-types=OCI",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = config(registry, "declared", "1")
    assert found["Healthcheck"] == {
        "Test": ["CMD", "/bin/true"],
        "Interval": 60 * SECOND,
        "Timeout": 60 * SECOND,
        "StartPeriod": 10 * SECOND,
        "Retries": 3,
    }
    assert found["OnBuild"] == ["RUN echo built upon"]
    assert found["Volumes"] == {"/models": {}, "/data": {}}
    assert found["ExposedPorts"] == {"8080/tcp": {}, "53/udp": {}}
    assert found["Entrypoint"] == ["/bin/echo"]
    assert found["Cmd"] == ["hello"]
    assert found["StopSignal"] == "SIGINT"
    assert found["Shell"] == ["/bin/bash", "-c"]
    assert (found["WorkingDir"], found["User"]) == ("/srv", "nobody")
    assert found["Labels"] == {"org.opencontainers.image.title": "fixture"}
    assert "GREETING=hello" in found["Env"]
