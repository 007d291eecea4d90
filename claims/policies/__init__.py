"""Policies of persons: what an insurer knew of a claim's policy on the day of the claim."""
