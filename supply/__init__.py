"""What is brought in from others: whether it has known weaknesses, and under which licences it comes."""
