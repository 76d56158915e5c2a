"""The figures of docs/benchmarks.md: one folder a question, `python -m benchmarks.run` answers them all."""
