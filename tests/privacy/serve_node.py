"""A node as a process, with the test protocol beside those of the product: ``python -m ... CONFIG``."""

from __future__ import annotations

import sys
from pathlib import Path

from privacy import protocols
from privacy.node.serve import serve
from privacy.party import PartyConfig
from tests.privacy import echo

if __name__ == "__main__":
    protocols.register(echo.NAME, "tests.privacy.echo")
    serve(PartyConfig.load(Path(sys.argv[1])))
