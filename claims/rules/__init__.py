"""The rules for claims: one file a rule, run by the engine of :mod:`drg.quality`."""
