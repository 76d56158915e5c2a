"""How good answers are: measures apart from runs; ranked ids in, figures out."""
