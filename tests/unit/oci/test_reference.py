"""References: what users type becomes one full form, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.errors import InputError
from localai_ci.oci.reference import Reference, Repository, without_tls

D = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "full", "host"),
    [
        ("ubuntu", "docker.io/library/ubuntu", "registry-1.docker.io"),
        ("ubuntu:24.04", "docker.io/library/ubuntu:24.04", "registry-1.docker.io"),
        ("localai/localai", "docker.io/localai/localai", "registry-1.docker.io"),
        ("index.docker.io/a/b", "docker.io/a/b", "registry-1.docker.io"),
        ("docker.io/ubuntu", "docker.io/library/ubuntu", "registry-1.docker.io"),
        ("quay.io/go-skynet/ci-cache:x", "quay.io/go-skynet/ci-cache:x", "quay.io"),
        ("localhost/a", "localhost/a", "localhost"),
        ("localhost:5000/a:b", "localhost:5000/a:b", "localhost:5000"),
        ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c", "127.0.0.1:5000"),
        ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000"),
        (f"quay.io/a/b@{D}", f"quay.io/a/b@{D}", "quay.io"),
        (f"quay.io/a/b:t@{D}", f"quay.io/a/b:t@{D}", "quay.io"),
    ],
)
def test_what_a_user_types_has_one_full_form(text: str, full: str, host: str) -> None:
    reference = Reference.parse(text)
    assert str(reference) == full
    assert reference.repository.host == host
    assert Reference.parse(full) == reference


@pytest.mark.parametrize(
    "text",
    [
        "", "A/b", "quay.io/A", "a b", "a:", "a:b:c", "a@sha256:12", "a@", "a/", "/a", "quay.io/",
        "a..b", "a:" + "x" * 129, "a:.b", "a:-b", "ho_st.io/a", "quay.io:99999999/a",
    ],
)  # fmt: skip
def test_what_is_no_reference_is_told_so(text: str) -> None:
    with pytest.raises(InputError, match="not an image reference"):
        Reference.parse(text)


@given(st.text(max_size=80))
def test_any_text_is_read_to_a_fixed_point_or_refused(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InputError:
        return
    assert Reference.parse(str(reference)) == reference


def test_a_repository_takes_a_tag_or_a_digest_and_nothing_else() -> None:
    repository = Repository.parse("quay.io/a/b")
    assert str(repository.at("v1")) == "quay.io/a/b:v1"
    assert str(repository.at(D)) == f"quay.io/a/b@{D}"
    assert repository.at("v1").pinned(D) == repository.at(D)
    with pytest.raises(InputError, match="neither a tag nor a digest"):
        repository.at("sha256:12")
    with pytest.raises(InputError, match="a repository is expected"):
        Repository.parse("quay.io/a/b:v1")


def test_an_image_without_tag_means_latest() -> None:
    assert Reference.parse("a").target == "latest"
    assert Reference.parse(f"a:b@{D}").target == D


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:5000", "[::1]:80", "LOCALHOST:1"])
def test_this_machine_is_known(host: str) -> None:
    assert without_tls(host)


@pytest.mark.parametrize("host", ["quay.io", "127.0.0.1.evil.example", "localhost.example:80"])
def test_others_are_not_this_machine(host: str) -> None:
    assert not without_tls(host)
    assert without_tls(host, frozenset({host}))


@pytest.mark.parametrize("text", ["127.1:5000/x", "127.0.0.1:99999/x", "0x7f.1/x", "a.b:0/x"])
def test_a_host_that_cannot_be_reached_as_it_is_written_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a host"):
        Reference.parse(text)
