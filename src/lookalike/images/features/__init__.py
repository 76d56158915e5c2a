"""Local features: points of pictures, which of them look alike in two, and whether those agree on one view."""
