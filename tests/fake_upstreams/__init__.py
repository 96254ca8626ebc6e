"""Fake upstreams: all that the builder bases download from, served from loopback.

Everything is real but small: Debian packages in signed apt repositories, archives, a git
repository with a submodule, served over HTTP by host and path, as a mirror serves them.
"""
