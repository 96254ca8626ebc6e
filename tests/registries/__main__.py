"""`python -m registries` in tests/: the own registry alone, to judge it with other programs."""

import sys
import time

from registries.oci import oci_registry

with oci_registry() as registry:
    sys.stdout.write(f"{registry.address}\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)
