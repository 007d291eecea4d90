"""Speed and memory, measured by hand or on request; no test depends on a time. Run ``python -m bench``."""
