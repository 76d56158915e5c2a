"""Pictures in and out: folders, files and bytes, their metadata, and what is gone."""
