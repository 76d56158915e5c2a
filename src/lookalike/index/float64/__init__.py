"""Exact search among vectors that float32 cannot hold: a shortlist by float32, values and a proof by float64."""
