"""The picture formats, one file each: a file that is here, with a `FORMAT`, is a format that is decoded."""
