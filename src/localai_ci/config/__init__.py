"""The data files: a model for each YAML file, and the reader that names their lines."""
