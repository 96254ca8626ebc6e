"""For all tests: a busy machine is not a fault, so properties have no deadline for an example."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
