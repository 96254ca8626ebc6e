"""Registries to test against: Debian's, an own one, and a proxy that fails on cue."""
