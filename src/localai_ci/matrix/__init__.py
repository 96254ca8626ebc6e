"""The matrix as data: models, loading, expansion, checks. Imports no dagger."""
