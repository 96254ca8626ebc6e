"""A Dagger engine without a container runtime: built, started and ended by `./daggerw`.

Standard library only, Python 3.10 or newer: it runs before anything is installed.
"""
