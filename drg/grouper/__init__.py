"""Grouping of whole tables (kernel) and of one case with its full trace (explain)."""
