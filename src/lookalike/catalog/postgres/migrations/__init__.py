"""The tables of one catalog: append-only; `lookalike.storage.postgres.migrations` runs them."""
