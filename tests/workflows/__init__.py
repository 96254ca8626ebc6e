"""The workflows: what they say, and what happens when they run."""
