"""Activities: one file per kind of side effect."""
