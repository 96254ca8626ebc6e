"""The builder bases: recipes are pure, `build` and `publish` use the engine."""
