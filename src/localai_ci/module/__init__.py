"""Dagger objects: arguments in, objects out. The only room that knows Dagger's decorators."""
