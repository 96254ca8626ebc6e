"""What to build, and why: pure decisions over a matrix and a change."""
