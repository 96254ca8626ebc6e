"""``WWW-Authenticate`` as it is in the wild, by RFC 9110."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localai_ci.oci.challenge import challenge

REALM = {"bearer": {"realm": "https://a/t", "service": "s"}}


@pytest.mark.parametrize(
    "header",
    [
        'Bearer realm="https://a/t",service="s"',
        "Bearer realm=https://a/t,service=s",
        'BEARER Realm = "https://a/t" , SERVICE\t=\t"s"',
        'Bearer   realm="https://a/t" service="s"',
        'Bearer realm="https:\\/\\/a/t",service="s",',
        ', ,Bearer realm="https://a/t",,service="s"',
        'Negotiate, Bearer realm="https://a/t", service="s"',
        'Negotiate YIIabc/d==, Bearer realm="https://a/t", service="s"',
        'Digest realm="x", nonce="b, Bearer realm=y", Bearer realm="https://a/t",service="s"',
        'Bearer realm="https://a/t",service="s", Bearer realm="https://second/t"',
        'Bearer realm="https://a/t",service="s',
    ],
)
def test_all_spellings_mean_the_same(header: str) -> None:
    assert challenge(header) == REALM


@pytest.mark.parametrize(
    ("header", "parsed"),
    [
        ("Basic", {"basic": {}}),
        ("Basic realm=/", {"basic": {"realm": "/"}}),
        ('Basic realm="a \\"b\\", c"', {"basic": {"realm": 'a "b", c'}}),
        ('Bearer realm="r", Basic', {"bearer": {"realm": "r"}, "basic": {}}),
        ("Negotiate", {}),
        ('realm="lost"', {}),
        (
            (
                'Bearer realm="r",scope="repository:a/b:pull,push registry:catalog:*",'
                'error="insufficient_scope"'
            ),
            {
                "bearer": {
                    "realm": "r",
                    "scope": "repository:a/b:pull,push registry:catalog:*",
                    "error": "insufficient_scope",
                }
            },
        ),
    ],
)
def test_parts_are_told_apart(header: str, parsed: dict[str, dict[str, str]]) -> None:
    assert challenge(header) == parsed


TEXT = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E))


@given(st.dictionaries(st.sampled_from(["realm", "service", "scope"]), TEXT))
def test_quoted_values_come_back_as_they_were(values: dict[str, str]) -> None:
    quoted = {
        name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in values.items()
    }
    header = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in quoted.items())
    assert challenge(header) == {"bearer": values}


@given(st.text(alphabet=' ,="\\Bbearsic/:\t;') | st.text())
def test_any_text_is_read_without_an_error(header: str) -> None:
    for parameters in challenge(header).values():
        assert all(name == name.lower() for name in parameters)


@pytest.mark.parametrize(
    "piece", ["a", "a=", ",", " ", '"', "\\", 'Bearer a="', "Basic ", "=", "a "]
)
def test_a_long_header_takes_time_in_proportion(piece: str) -> None:
    began = time.process_time()
    challenge(piece * (200_000 // len(piece)))
    assert time.process_time() - began < 1.5
