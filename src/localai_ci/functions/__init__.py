"""Dagger functions by what they are about: arguments in, objects out."""
