"""What goes wrong upstream stops the build with the step, the URL and the remedy."""

import time
from pathlib import Path

import pytest
from dagger_engine import REPO, Engine, module_with
from fake_upstreams.internet import Internet

PROTOC = "github.com/protocolbuffers/protobuf/releases/download/v27.1/protoc-27.1-linux-x86_64.zip"


def failure(engine: Engine, image: str, mirror: str, variant: str, cwd: Path = REPO) -> str:
    """The error that a build ends with."""
    base = ("build-base", "--variant", variant, "--base-image", image, "--mirror", mirror, "sync")
    done = engine.call(*base, cwd=cwd)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr[done.stderr.rindex("Error: ") :]


@pytest.mark.parametrize(
    ("fault", "text", "variant", "step", "path"),
    [
        ("404", "protoc-27", "amd64", "protoc", PROTOC),
        ("cut", "protoc-27", "amd64", "protoc", PROTOC),
        ("404", "grpc", "amd64", "grpc", "github.com/grpc/grpc"),
        ("404", "abseil-cpp", "amd64", "grpc", "github.com/grpc/grpc"),
        ("404", "keyring", "cuda-12-amd64", "cuda", "cuda-keyring_1.1-1_all.deb"),
        ("404", "graphics.key", "intel-amd64", "intel-driver", "gpu/intel-graphics.key"),
        ("404", "InRelease", "cuda-12-amd64", "apt", "InRelease"),
        ("404", "libcufft", "cuda-12-amd64", "cuda", "libcufft-dev-12-8_99.0-fake_all.deb"),
        ("cut", "vulkansdk", "vulkan-amd64", "vulkan", "vulkansdk-linux-x86_64-1.4.335.0.tar.xz"),
    ],
)
def test_a_download_that_fails_names_step_url_and_remedy(
    engine: Engine,
    internet: Internet,
    prepared_image: str,
    fault: str,
    text: str,
    variant: str,
    step: str,
    path: str,
) -> None:
    error = failure(engine, prepared_image, internet.faulty(fault, text), variant)
    assert f"variant {variant}: step {step} failed" in error
    assert f"~{fault}~{text}/" in error
    assert path in error
    assert "--mirror URL" in error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "variant", "step"),
    [("protoc-27", "amd64", "protoc"), ("abseil-cpp", "amd64", "grpc")],
)
def test_a_hanging_upstream_ends_within_its_time(
    engine: Engine, internet: Internet, prepared_image: str, text: str, variant: str, step: str
) -> None:
    began = time.monotonic()
    error = failure(engine, prepared_image, internet.faulty("hang", text), variant)
    assert f"step {step} failed" in error
    assert f"~hang~{text}/" in error
    assert time.monotonic() - began < 300


def test_a_file_that_is_not_what_it_was_is_refused(
    engine: Engine, internet: Internet, prepared_image: str, tmp_path: Path
) -> None:
    wrong = "0" * 64
    url = "protoc-{version}-linux-x86_64.zip\n    sha256: "
    module = module_with(tmp_path, "upstreams.yaml", f"{url}null", f"{url}{wrong!r}")
    error = failure(engine, prepared_image, internet.url, "amd64", module)
    assert "step protoc failed" in error
    assert f"{PROTOC} is not what it was: expected sha256 {wrong}, got " in error


def test_a_tag_that_was_moved_is_refused(
    engine: Engine, internet: Internet, prepared_image: str, tmp_path: Path
) -> None:
    wrong = "0" * 40
    module = module_with(tmp_path, "upstreams.yaml", "commit: null\n", f"commit: {wrong!r}\n")
    error = failure(engine, prepared_image, internet.url, "amd64", module)
    assert "step grpc failed" in error
    assert f"grpc v1.65.0 is not what it was: expected commit {wrong}, got " in error


def test_a_package_that_the_archive_does_not_have_is_named(
    engine: Engine, internet: Internet, prepared_image: str, tmp_path: Path
) -> None:
    module = module_with(tmp_path, "variants.yaml", 'cuda: "12.8"', 'cuda: "12.9"')
    error = failure(engine, prepared_image, internet.url, "cuda-12-amd64", module)
    assert "step cuda failed" in error
    assert "Unable to locate package cuda-nvcc-12-9" in error


def test_an_abseil_without_the_known_library_is_told_not_skipped(
    engine: Engine, internet: Internet, prepared_image: str
) -> None:
    mirror = internet.faulty("other", "github.com")
    done = engine.call(
        "base",
        "grpc",
        "--variant",
        "amd64",
        "--base-image",
        prepared_image,
        "--mirror",
        mirror,
        "sync",
    )
    assert done.returncode != 0
    assert "CMakeLists.txt of grpc v1.65.0 has no library test_allocator" in done.stderr
    assert "fix bases/grpc.py" in done.stderr


def test_a_mirrors_password_opens_it_and_is_seen_nowhere(
    engine: Engine, internet: Internet, prepared_image: str, tmp_path: Path
) -> None:
    canary = "canary-of-a-mirror"
    netrc = tmp_path / "netrc"
    login = f"login fake password {canary}\n"
    netrc.write_text(
        f"machine {engine.address} {login}"
        f"machine http://{engine.address}:5009 {login}"  # apt wants the scheme where it is not TLS
    )
    flags = ("--base-image", prepared_image, "--mirror", internet.faulty("auth", ""))
    assert "401" in engine.call("build-base", "--variant", "amd64", *flags, "sync").stderr
    look = "if grep -rs canary-of /etc /root /tmp /opt /usr; then exit 9; fi; env"
    done = engine.call(
        *("build-base", "--variant", "amd64", *flags, "--mirror-credentials", f"file://{netrc}"),
        *("with-exec", f'--args="sh","-c","{look}"'),
        "stdout",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = done.stdout + done.stderr.replace("grep -rs canary-of", "")
    assert "canary-of" not in seen
