"""Every bound of the client, in one place; docs/reference/registries.md tells them to users.

Bytes are counted as they come in, not as an answer announces them. Seconds are those of a clock
on the wall. How often and how long to try is `retry.Policy`'s to say.
"""

ANSWER_BYTES = 4 * 2**20
"""A manifest, a token, a list, an error: what the distribution specification names as a limit."""

HEADER_BYTES = 8190
"""One header of an answer, its name included."""

HEADERS = 100
"""Headers of one answer."""

CHALLENGE = 4096
"""Characters of ``WWW-Authenticate`` that are read; a longer one is refused."""

CHUNK = 16 * 2**20
"""Bytes of a blob in one request, in both directions; also the largest blob sent in one piece."""

CONNECT_SECONDS = 10.0
"""For a name, a connection and its TLS handshake together."""

SLOWEST = 64 * 2**10
"""Bytes a second: a body gets so much longer than an answer without one."""

DIGESTING = 8 * 2**20
"""Bytes a second that a registry goes through before it says that a blob is whole."""

REDIRECTS = 5
"""Followed for one read, one after another."""

PAGES = 2_000
"""Of one list of tags."""

TAGS = 500_000
"""Of one repository."""

REFERRERS = 10_000
"""Rows of a list of what refers to one image."""

CONFIG_BYTES = 2**20
"""A Docker ``config.json``."""

HELPER_SECONDS = 60.0
"""For a credential helper, which may ask its user."""

SHORTEST_LIFE = 60.0
"""Seconds; also what a token lives that does not say (token specification)."""

LONGEST_LIFE = 86_400.0
"""Seconds that a token is believed to live, whatever it says."""

TOLD = 200
"""Characters of an answer that an error repeats."""
