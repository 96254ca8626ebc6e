"""Backends: from a source tree and an entry to a FROM-scratch image that was checked."""
