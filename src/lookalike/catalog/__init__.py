"""The truth about a collection: pictures, files, metadata, raw vectors and what has changed."""
