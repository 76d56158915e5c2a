"""Adding is easy: each chapter of `docs/explanation/where-to-change.md` on adding is walked with a toy."""
