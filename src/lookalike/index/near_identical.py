"""From which similarity on two pictures count as near-identical."""

THRESHOLD = 0.995
"""Of 6,865 photos, 8 of the 11 pairs that are so near are the same photo, but of the 33 between 0.99 and that only 7.
Saved again as JPEG of quality 75 all photos stay so near to themselves, a tenth brighter 83 %, at half the size 11 %.
"""
