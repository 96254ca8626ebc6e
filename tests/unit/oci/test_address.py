"""Addresses that answers give: kept byte for byte, followed by RFC 3986, told apart by origin."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.oci import address

BASE = "https://r.example/v2/a/b/blobs/uploads/?n=1"


@pytest.mark.parametrize(
    ("location", "meant"),
    [
        ("/v2/x?_state=a%2Fb==&x", "https://r.example/v2/x?_state=a%2Fb==&x"),
        ("/v2/x?", "https://r.example/v2/x?"),
        ("/v2/x#part", "https://r.example/v2/x"),
        ("u?_state=*%20%7E+", "https://r.example/v2/a/b/blobs/uploads/u?_state=*%20%7E+"),
        ("../u", "https://r.example/v2/a/b/blobs/u"),
        ("?last=a", "https://r.example/v2/a/b/blobs/uploads/?last=a"),
        ("", BASE),
        ("//cdn.example/p?q", "https://cdn.example/p?q"),
        ("HTTPS://Cdn.example/P", "https://Cdn.example/P"),
        ("http://r.example/v2/x", "https://r.example/v2/x"),  # behind a TLS proxy
        ("http://cdn.example/x", "http://cdn.example/x"),
        (" /v2/x y/ä ", "https://r.example/v2/x%20y/%C3%A4"),
    ],
)
def test_a_location_is_followed_byte_for_byte(location: str, meant: str) -> None:
    assert address.follow(BASE, location) == meant


@pytest.mark.parametrize(
    "location",
    [
        "https://", "https://user@evil.example/", "https://r.example@evil.example/u", "ftp://x/",
        "file:///etc/passwd", "javascript:1", "https://a\\b/", "http://[/", "https://x:99999/",
        "https:/one-slash", "mailto:a@b", "https://2130706433/", "https://0x7f000001/",
        "https://0177.0.0.1/", "https://127.1/", "https://0/", "https://1.2.3.4.5/", "https://a.0x/",
        "https://x:0/", "https://[fe80::1/", "https://-a.example/", "https://a..%2e/",
        "https://%31%32%37.0.0.1/", "https://a;b/", "https://a,b/", "https://a'b/", "https://*/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_http_is_refused(location: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the library's own words
        address.follow(BASE, location)


@pytest.mark.parametrize(
    "url",
    [
        "https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", "https://127\u30020\u30020\u30021/",
        "https://\uff11\uff12\uff17.0.0.1/", "https://qu\u0430y.io/", "https://re\tgistry.example/",
        "https://a.example/\r\nX: y", "https://a.example /", "\x00https://a.example/",
        "https://a.example:\u0668\u0660/", "https://a.example\u2044x/",
    ],
)  # fmt: skip
def test_no_address_is_read_as_another_than_it_looks(url: str) -> None:
    """Libraries turn some letters into others, or drop them: then what is checked is not asked."""
    with pytest.raises(ValueError, match="address"):
        address.origin(url)


@pytest.mark.parametrize("url", ["https://127.0.0.1:5000", "https://[::1]:5000", "https://a_b.x.",
                                 "https://registry", "HTTPS://A.1.example"])  # fmt: skip
def test_usual_hosts_are_hosts(url: str) -> None:
    assert address.origin(url).host


@given(
    st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"))
)
def test_no_query_changes_on_its_way(query: str) -> None:
    assert address.follow(BASE, f"/u?{query}") == f"https://r.example/u?{query}"
    assert address.with_query(f"https://r/u?{query}", "digest=d").startswith(f"https://r/u?{query}")


@given(st.text())
def test_any_location_is_followed_or_refused(location: str) -> None:
    try:
        found = address.follow(BASE, location)
    except ValueError:
        return
    assert found.isascii()
    assert found.isprintable()
    assert address.origin(found).scheme in {"http", "https"}


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("https://r/u", "https://r/u?d"),
        ("https://r/u?", "https://r/u?d"),
        ("https://r/u?a", "https://r/u?a&d"),
        ("https://r/u?a&", "https://r/u?a&d"),
    ],
)
def test_a_parameter_is_added_in_the_right_way(url: str, more: str) -> None:
    assert address.with_query(url, "d") == more


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://r.example/a", "https://R.EXAMPLE:443/b", True),
        ("https://r.example", "https://r.example:444/", False),
        ("https://r.example", "http://r.example/", False),
        ("https://r.example", "https://r.example.evil/", False),
        ("http://[::1]:80/", "http://[::1]/", True),
    ],
)
def test_origins_are_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert (address.origin(one) == address.origin(other)) is same


@pytest.mark.parametrize(
    ("ip", "kind"),
    [
        ("8.8.8.8", "public"), ("2606:4700::1111", "public"), ("127.0.0.1", "loopback"),
        ("127.9.9.9", "loopback"), ("::1", "loopback"), ("::ffff:127.0.0.1", "loopback"),
        ("169.254.169.254", "link-local"), ("::ffff:169.254.169.254", "link-local"),
        ("fe80::1", "link-local"), ("10.0.0.1", "private"), ("192.168.1.1", "private"),
        ("172.16.0.1", "private"), ("100.64.0.1", "private"), ("0.0.0.0", "private"),
        ("fd00::1", "private"), ("2002:7f00:1::", "loopback"), ("224.0.0.1", "private"),
        ("255.255.255.255", "private"), ("::", "private"), ("64:ff9b::7f00:1", "loopback"),
        ("::127.0.0.1", "loopback"), ("::ffff:0:7f00:1", "loopback"), ("::ffff:0:a00:1", "private"),
        ("64:ff9b:1::a9fe:a9fe", "link-local"), ("64:ff9b::808:808", "public"),
    ],
)  # fmt: skip
def test_addresses_are_told_apart_by_where_they_lead(ip: str, kind: str) -> None:
    assert address.net_kind(ip_address(ip)) == kind


@pytest.mark.parametrize(
    ("no_proxy", "passed"),
    [
        ("", False), ("*", True), ("r.example", True), (".example", True), ("example", True),
        ("*.example", True), ("xample", False), ("r.example:443", True), ("r.example:80", False),
        ("other, r.example", True), ("R.Example", True),
    ],
)  # fmt: skip
def test_no_proxy_exempts_by_name_and_domain(no_proxy: str, passed: bool) -> None:
    assert address.passes("r.example", 443, no_proxy) is passed


@pytest.mark.parametrize(
    ("no_proxy", "passed"),
    [("10.0.0.0/8", True), ("10.1.2.3", True), ("11.0.0.0/8", False), ("10/x", False)],
)
def test_no_proxy_exempts_by_address_and_net(no_proxy: str, passed: bool) -> None:
    assert address.passes("10.1.2.3", 443, no_proxy) is passed


def test_the_environments_proxy_is_taken_and_never_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    assert address.proxy_of("https://r.example/v2/") == "http://proxy.example:3128"
    assert address.proxy_of("http://r.example/v2/") is None
    for host in ("localhost:5000", "127.0.0.2", "[::1]:5000"):
        assert address.proxy_of(f"https://{host}/v2/") is None
