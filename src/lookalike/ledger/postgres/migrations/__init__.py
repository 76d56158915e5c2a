"""The tables of a ledger with its jobs, step by step; see `lookalike.storage.postgres.migrations`."""
