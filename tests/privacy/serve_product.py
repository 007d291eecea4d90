"""A node as a process with the protocols of the product and no others: ``python -m ... CONFIG``."""

from __future__ import annotations

import sys
from pathlib import Path

from privacy.node.serve import serve
from privacy.party import PartyConfig

if __name__ == "__main__":
    serve(PartyConfig.load(Path(sys.argv[1])))
