"""The nightly run: everything new is read, grouped, priced, checked and scored; see ``docs/nightly.md``."""
