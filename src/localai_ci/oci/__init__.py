"""A client of OCI registries (distribution specification 1.1); knows nothing of this project.

All requests go through one `Transport`, which alone waits, retries and signs in.
"""
