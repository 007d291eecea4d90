"""Parts of pages. What comes from a record is shown as text only: through ``markup.tag`` or ``textContent``."""
