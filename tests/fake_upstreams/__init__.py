"""A stand-in for the internet that the builder bases download from.

Everything is real but small: Debian packages in signed apt repositories, archives, a git
repository with a submodule, served over HTTP by host and path, as a mirror serves them.
"""
