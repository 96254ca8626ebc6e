"""Where a registry's word may send a password, and where it may send this client at all."""

import pytest

from localai_ci.oci import address
from localai_ci.oci.reach import Reach


def signs_in(registry: str, realm: str, **declared: set[str]) -> bool:
    known = {name.replace("_", "."): hosts for name, hosts in declared.items()}
    host = "registry-1.docker.io" if registry == "docker.io" else registry
    return Reach(auth_hosts=known).signs_in(registry, host, address.origin(f"https://{realm}/t"))


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("docker.io", "auth.docker.io"), ("quay.io", "quay.io"), ("ghcr.io", "ghcr.io"),
        ("registry.gitlab.com", "gitlab.com"), ("registry.example.co.uk", "auth.example.co.uk"),
        ("r.example:5000", "r.example:5001"), ("us-docker.pkg.dev", "us-docker.pkg.dev"),
        ("127.0.0.1:5000", "127.0.0.1:5001"), ("localhost:5000", "127.0.0.1:5001"),
        ("R.Example.com", "auth.example.COM"),
    ],
)  # fmt: skip
def test_a_token_service_of_the_same_site_signs_in(registry: str, realm: str) -> None:
    assert signs_in(registry, realm)


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("evil.example", "auth.docker.io"), ("quay.io", "quay.io.evil.example"),
        ("registry.example.co.uk", "evil.co.uk"), ("me.github.io", "you.github.io"),
        ("r.example.com", "127.0.0.1"), ("r.example.com", "169.254.169.254"),
        ("r.example.com", "localhost"), ("10.0.0.1", "10.0.0.2"), ("registry:5000", "auth:5001"),
        ("8.8.8.8", "8.8.4.4"), ("127.0.0.1:5000", "r.example.com"), ("com", "example.com"),
    ],
)  # fmt: skip
def test_one_of_another_site_does_not(registry: str, realm: str) -> None:
    assert not signs_in(registry, realm)


def test_trust_is_declared_for_a_pair() -> None:
    assert signs_in("a.example", "sso.other", a_example={"sso.other"})
    assert not signs_in("b.example", "sso.other", a_example={"sso.other"})
    assert signs_in("a.example", "sso.other:8443", a_example={"sso.other:8443"})
    assert not signs_in("a.example", "sso.other:9", a_example={"sso.other:8443"})


@pytest.mark.parametrize(
    ("url", "by", "well"),
    [
        ("https://cdn.example/x", "r.example", True),
        ("http://cdn.example/x", "r.example", False),
        ("http://127.0.0.1/x", "r.example", False),
        ("https://127.0.0.1/x", "r.example", False),
        ("https://10.0.0.1/x", "r.example", False),
        ("https://[::ffff:169.254.169.254]/x", "r.example", False),
        ("https://localhost/x", "r.example", False),
        ("https://127.0.0.2/x", "127.0.0.1:5000", True),
        ("https://10.0.0.2/x", "10.0.0.1", True),
        ("https://169.254.169.254/x", "127.0.0.1:5000", False),
        ("https://10.0.0.2/x", "127.0.0.1:5000", False),
        ("https://8.8.8.8/x", "127.0.0.1:5000", True),
        ("https://r.example:8443/x", "r.example", True),
        ("https://2130706433/x", "r.example", False),
        ("https://[::127.0.0.1]/x", "r.example", False),
        ("https://LOCALHOST./x", "r.example", False),
        ("https://cdn.example@127.0.0.1/x", "r.example", False),
        ("https://[fd00:ec2::254]/x", "r.example", False),
    ],
)
def test_an_answer_opens_no_net_that_the_registry_is_not_in(url: str, by: str, well: bool) -> None:
    assert (Reach().refusal(url, by) == "") is well


def test_names_are_judged_by_the_addresses_that_they_have() -> None:
    reach = Reach()
    assert not reach.refusal("https://metadata.test/x", "r.example")
    assert reach.allows("metadata.test", "public")
    assert not reach.allows("metadata.test", "link-local")
    assert not reach.allows("metadata.test", "loopback")
    reach.saw("inner.example", "private")
    assert not reach.refusal("https://store.test/x", "inner.example")
    assert reach.allows("store.test", "private")
    assert not reach.allows("store.test", "link-local")


def test_a_host_that_the_user_named_may_be_anywhere() -> None:
    reach = Reach()
    reach.refusal("https://inner.test/x", "r.example")
    assert not reach.allows("inner.test", "private")
    reach.own("inner.test:5000")
    assert reach.allows("inner.test", "private")
