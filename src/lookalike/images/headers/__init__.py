"""What a picture says about itself before it is decoded: one reader a format, in plain Python, bounded by the file."""
