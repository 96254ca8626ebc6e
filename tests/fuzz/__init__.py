"""Every reader of outside input, fed with anything: a value or a helpful error, in bounds."""
