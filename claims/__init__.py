"""The life of a claim at either party. Not built yet."""
