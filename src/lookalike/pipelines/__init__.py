"""What can be done with a collection, one verb a file. Pipelines are handed objects, never settings or names."""
