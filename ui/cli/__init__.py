"""The command ``drgbridge``; see ``docs/cli.md``."""

from __future__ import annotations

import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command line and exit with its code."""
    from ui.cli import installation

    if not installation.drg_is_ours():
        # Nothing of drg may be imported then: it is somebody else's package.
        installation.print_foreign_drg()
        sys.exit(1)
    from ui.cli.app import end_on_sigterm, run

    if isinstance(sys.stdout, TextIOWrapper):
        # In a locale that has no Chinese, names are shown as question marks.
        sys.stdout.reconfigure(errors="replace")
    end_on_sigterm()
    sys.exit(run(sys.argv[1:]))
