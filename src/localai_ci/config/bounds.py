"""How large what is read from a tree may be: every bound, with its number.

Far above what LocalAI has (in brackets, 2026-08-22), and far below what hurts.
"""

FILE_BYTES = 16 << 20
"""Bytes of a file of a tree that is looked into [235,000]."""

YAML_BYTES = 4 << 20
"""Bytes of a YAML file [235,000]."""

YAML_NODES = 200_000
"""Keys, values and lists of a YAML file [15,300]."""

YAML_DEPTH = 40
"""How deep they are nested [5]."""

PROTO_DEPTH = 32
"""How deep messages of a .proto file are nested [1]; protoc itself takes 32."""

LINE_LENGTH = 10_000
"""Characters of a line of a build file that is searched for names; longer ones are passed over."""

GLOB_LENGTH = 500
"""Characters of a glob."""

GLOB_CHOICES = 256
"""Globs that the braces of one make, and ``**`` beside other characters."""

BUILD_TEXT = 1 << 20
"""Characters of a Dockerfile, a go.mod or a Go source that is understood [110,000 of go.sum]."""

ALIASES = 100_000
"""Names that changed files have behind links [0]."""

STAGES = 200
"""Stages of a Dockerfile [4]."""
