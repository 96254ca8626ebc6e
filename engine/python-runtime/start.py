"""Started by the engine in a module's container; with --register it asks for the module's types."""

import os
import re
import sys

# The main object is called LocalaiCi in a module called localai-ci. The library reads this name
# when it is imported.
words = re.split("[-_]", os.environ["DAGGER_MODULE"])
os.environ["DAGGER_MAIN_OBJECT"] = "".join(word[:1].upper() + word[1:] for word in words)

from dagger.mod.cli import app  # noqa: E402

sys.exit(app(None, "--register" in sys.argv[1:]))
