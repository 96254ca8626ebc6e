"""For all tests: a busy machine is no fault, so properties have no deadline for an example."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
