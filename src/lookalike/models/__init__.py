"""What a model is, where it comes from and how it shrinks."""
