"""The matrix: entries, LocalAI's format, expansion, checks. Imports no dagger."""
