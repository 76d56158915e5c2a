"""`python -m lookalike` is `lookalike`."""

from lookalike.cli.main import main

main()
