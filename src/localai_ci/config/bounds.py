"""How large what is read from a tree or from jobs may be: every bound, with its number.

Far above what LocalAI has (in brackets, 2026-08-22), and far below what hurts.
"""

FILE_BYTES = 16 << 20
"""Bytes of a file of a tree that is looked into [235,000]."""

LIST_BYTES = 64 << 20
"""Bytes of a list of changed files [300,000 for all of the tree]."""

YAML_BYTES = 4 << 20
"""Bytes of a YAML file [235,000]."""

YAML_NODES = 200_000
"""Keys, values and lists of a YAML file [15,300]."""

YAML_DEPTH = 40
"""How deep they are nested [5]."""

MATRIX_ROWS = 5_000
"""Rows of a matrix [457]."""

RULES = 1_000
"""Rules, exceptions or estimates of a file [39]: each is asked about every row or path."""

TREE_FILES = 500_000
"""Files of a tree [2,700], those of its submodules included."""

FOLDER_DEPTH = 200
"""How deep folders of a tree are nested [9]."""

GIT_BYTES = 256 << 20
"""Bytes that a git command may answer."""

GIT_SECONDS = 120
"""For one git command."""

LIST_BYTES = 16 << 20
"""Bytes of a list of changed files."""

PATH_LENGTH = 4_096
"""Bytes of a path in one, which is what Linux takes."""

MANIFEST_BYTES = 4 << 20
"""Bytes of a manifest or a configuration in a receipt; registries refuse more."""

RECEIPT_BYTES = 4 * MANIFEST_BYTES
"""Bytes of a receipt: manifest and configuration as JSON strings, and little else [30,000]."""

RECEIPTS = 20_000
"""Receipts of a run [457]."""

BLOB_BYTES = 1 << 40
"""Bytes of a layer."""

PLAN_BYTES = 16 << 20
"""Bytes of a plan [620,000], and of the record of a merge."""

REPORT_BYTES = 64 << 20
"""Bytes of what a probe prints of a package or a base [900,000]."""

PROTO_DEPTH = 32
"""How deep messages of a .proto file are nested [1]; protoc itself takes 32."""

ADDRESS_LENGTH = 2_000
"""Characters of an address that a tree names."""

SUBMODULES = 100
"""Submodules of one repository [3]."""

SUBMODULE_DEPTH = 8
"""How deep they are nested [2]."""

LISTED_BYTES = 1 << 20
"""Bytes of what a repository says of its submodules, and of a program's complaints."""

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
