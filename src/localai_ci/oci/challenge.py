"""``WWW-Authenticate`` by the grammar of RFC 9110, section 11: read from left to right, once.

``challenge = scheme [ 1*SP ( token68 / #auth-param ) ]``. Names are of no case, values may be
unquoted, blanks may stand around ``=``, and what is not a challenge (a token68) does no harm.
"""

import re

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PARAMETER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"?')
_BARE = re.compile(r"[^,\s]*")  # more than a token: `realm=/` and bare addresses are in use
_GAP = re.compile(r"[\s,]*")
_ESCAPED = re.compile(r"\\(.)")


def challenge(header: str) -> dict[str, dict[str, str]]:
    """Parameters of ``basic`` and ``bearer``, names in lower case; a scheme's first one counts.

    Args:
        header: The header's value; several headers are joined by commas.
    """
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    at = _end(_GAP, header, 0)
    while at < len(header):
        if parameter := _PARAMETER.match(header, at):
            value, at = _value(header, parameter.end())
            current.setdefault(parameter[1].lower(), value)
        elif scheme := _TOKEN.match(header, at):
            current = {}
            found.setdefault(scheme[0].lower(), current)
            at = scheme.end()
        else:
            at += 1
        at = _end(_GAP, header, at)
    return {scheme: found[scheme] for scheme in ("basic", "bearer") if scheme in found}


def _value(header: str, at: int) -> tuple[str, int]:
    if quoted := _QUOTED.match(header, at):
        return _ESCAPED.sub(r"\1", quoted[1]), quoted.end()
    bare = _BARE.match(header, at)
    return (bare[0], bare.end()) if bare else ("", at)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
