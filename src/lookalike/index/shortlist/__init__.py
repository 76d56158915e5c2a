"""Exact nearest neighbours by way of a shortlist: bounds on all pairs, float64 for the few that they leave."""
