"""What GitHub cuts, drops or refuses, often without a word."""

MATRIX = 256
"""Jobs of one matrix from which on none is created (LocalAI's run 28786533892)."""

OUTPUTS = 1_048_576
"""Bytes of all outputs of one job, counted in UTF-16."""

SUMMARY = 1_000_000
"""Bytes of a step summary, just below the 1 MiB above which it is dropped."""

JOB_MINUTES = 360
"""Minutes after which GitHub ends a job of a hosted runner."""

PUSH_FILES = 300
"""Files that the compare API lists at most."""

PULL_REQUEST_FILES = 3000
"""Files of a pull request that the API lists at most."""
