"""Words that a terminal, a runner, Markdown or a page would act on; and how to tell."""

import re
import unicodedata

from hypothesis import strategies as st

WORDS = (
    "\x1b[31mred\x1b[0m", "\x1b]8;;http://evil.example\x07here\x1b]8;;\x07", "\x9b2J", "\b\b\b",
    "a\n::add-mask::x", "::set-output name=a::b", "::set-env name=PATH::/tmp", "x ##[command]id",
    "##[set-output name=a]b", "::stop-commands::token", "a\r\nb: c", "\r::error::x", "a\u2028b",
    "a\u2029::warning::b", "\u202egpj.exe", "\u2066a\u2069", "a\x85b", "\udcff\udc80", "\ufeffa",
    "\U000e0041\U000e0042", "a\xadb", "\u3164", "a`id`b", "``` x ```", "a|b|c",
    "<img src=x onerror=1>",
    "</script><script>alert(1)</script>", "[link=http://evil.example]x[/link]", "[bold red]x[/]",
    "[x](javascript:1)", "![x](http://evil.example/i)", "@everyone", "https://evil.example/x",
    "\t\t", "$(id)", "%0A::add-mask::x", "\0", "a" * 20_000, "\u202e" * 3_000,
)  # fmt: skip
"""Every kind that was thought of."""

ODD = st.one_of(
    st.sampled_from(WORDS),
    st.text(st.characters(codec=None), max_size=60),
    st.lists(st.sampled_from(WORDS[:-2]), min_size=1, max_size=3).map("".join),
)
"""Any text, and these words often."""


def acted_on(text: str) -> list[str]:
    """What of a text a terminal or a runner of GitHub would act on, or not show."""
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    odd = [repr(c) for c in text if c not in "\n\t" and unicodedata.category(c) in kinds]
    return odd + re.findall(r"(?m)^\s*::[A-Za-z].*|##\[.*", text)
