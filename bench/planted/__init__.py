"""Planted defects: for each quality rule its violation in clean records, written from the reference, not the rule."""
