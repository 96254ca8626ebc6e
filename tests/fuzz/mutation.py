"""Inputs from inputs: cut, repeated, spliced and sprinkled with what readers stumble over."""

import random

WORDS = (
    r"{ } [ ] ( ) < > ' \ , : ; = ?= | - * ** **/ ? ! # % & &a *a << ~ / ./ ../ // /* */ 0x -1"
    " null true 1e400 NaN 2024-99-99 ::add-mask::x ##[x]y file:///etc ext::sh https:// reserved"
    " --upload-pack=x oneof Bearer Basic realm= [NEEDED] File: ./ Machine: submodule. .path= .url="
    " !!int !!python/name:os.system"
)
TOKENS = tuple(
    word.encode()
    for word in (
        *WORDS.split(" "),
        '"',
        *("\n", "\r\n", "\t", " ", "\0", "\x1b[31m", "\x7f", "\ufeff", "\u202e", "\u2028", "\\\n"),
        *("9" * 400, "a" * 300, "message A {", "160000 ", "!!int ''", "<<: *a"),
    )
)
LARGEST = 1 << 16
"""Bytes of an input."""


def mutated(seeds: list[bytes], rng: random.Random) -> bytes:
    """One input more, from one of the seeds."""
    data = rng.choice(seeds)
    for _ in range(rng.randint(1, 6)):
        data = _once(data, seeds, rng)[:LARGEST]
    return data


def _once(data: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    at, end = sorted(rng.randint(0, len(data)) for _ in range(2))
    match rng.randint(0, 6):
        case 0:
            return data[:at] + data[end:]
        case 1:
            times = min(rng.choice((2, 2, 3, 50, 1000)), LARGEST // max(end - at, 1) + 1)
            return data[:at] + data[at:end] * times + data[end:]
        case 2:
            other = rng.choice(seeds)
            return data[:at] + other[rng.randint(0, len(other)) :]
        case 3:
            return data[:at] + rng.randbytes(rng.randint(1, 8)) + data[end:]
        case 4:
            token = rng.choice(TOKENS)
            return data[:at] + token * rng.choice((1, 1, 2, 100, 5000)) + data[at:]
        case _:
            return data[:at] + rng.choice(TOKENS) + data[at:]
