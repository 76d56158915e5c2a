"""Further models of a collection: vectors beside its own, and how these are compared."""
