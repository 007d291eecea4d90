"""Knowledge points: what may be paid for which item, and which items belong together (``limits.tsv``, ``pairs.tsv``).

The tables that come with the product are a small synthetic *sample*; a payer imports the published ones.
"""
