"""Grouping schemes as data: rule language, packs, import, lint, diff."""
