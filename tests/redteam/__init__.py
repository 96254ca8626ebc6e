"""A fork's tree that tries everything, and canaries that nobody may read."""
