"""Exact search on a graphics card, by torch: a shortlist in half precision, a proof, and a rescore in float64.

The same code runs on the processor, where it is tested; `lookalike.index.brute_force` is faster there.
"""
