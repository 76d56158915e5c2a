"""`python -m lookalike` is `lookalike`."""

from lookalike.cli.start import main

main()
