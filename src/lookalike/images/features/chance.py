"""How likely it is that so many points agree by chance.

The a-contrario measure of Moisan and Stival, "A probabilistic criterion to detect rigid point matches between two
images and estimate the fundamental matrix", IJCV 2004, for homographies: how many views as well supported as this one
would be found, on average, between two pictures whose points lay anywhere. Of n pairs, k agree; four define the view,
and each of the others falls near enough with probability p:

    false alarms = (n - 4) * C(n, k) * C(k, 4) * p ** (k - 4)

It is an upper bound of the expected number, and so of the probability. Lowe 2004 (section 7.5) decides by the same
binomial.
"""

from __future__ import annotations

from math import lgamma, log, log10

NEEDED = 4

LEAST_EVIDENCE = 6.0
"""In powers of ten: at most one false alarm in a million pairs, or in 10,000 searches that look at the best 100."""


def log10_false_alarms(pairs: int, agreeing: int, *, chance_of_one: float) -> float:
    """The power of ten of the false alarms; 0 at most where chance explains nothing.

    Args:
        pairs: n, how many points look alike.
        agreeing: k, how many of them agree.
        chance_of_one: p, above 0 and at most 1.
    """
    if agreeing <= NEEDED:
        return log10(max(pairs, 1))
    ways = _log10_ways(pairs, agreeing) + _log10_ways(agreeing, NEEDED)
    return log10(pairs - NEEDED) + ways + (agreeing - NEEDED) * log10(chance_of_one)


def similarity_of(evidence: float) -> float:
    """Turn evidence into a similarity: 0.5 where chance is just ruled out, towards 1 as it becomes absurd.

    Args:
        evidence: minus the power of ten of the false alarms.
    Returns:
        0 below `LEAST_EVIDENCE`, else evidence / (evidence + `LEAST_EVIDENCE`).
    """
    return 0.0 if evidence < LEAST_EVIDENCE else evidence / (evidence + LEAST_EVIDENCE)


def _log10_ways(n: int, k: int) -> float:
    """The power of ten of n choose k."""
    return (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)) / log(10)
