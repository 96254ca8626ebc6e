"""How large what is read from a tree may be: every bound, with its number.

Far above what LocalAI has (in brackets, 2026-08-22), and far below what hurts.
"""

FILE_BYTES = 16 << 20
"""Bytes of a file of a tree that is looked into [235,000]."""

LINE_LENGTH = 10_000
"""Characters of a line of a build file that is searched for names; longer ones are passed over."""

GLOB_LENGTH = 500
"""Characters of a glob."""

GLOB_CHOICES = 256
"""Globs that the braces of one make, and ``**`` beside other characters."""
