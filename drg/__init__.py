"""CHS-DRG: what a case is and which group it falls in."""
