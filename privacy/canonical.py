"""One value, one sequence of bytes: what is hashed and signed."""

from __future__ import annotations

from typing import Any

import orjson


def canonical_json(value: Any) -> bytes:
    """JSON in UTF-8 with sorted keys and no blanks. Raises ``TypeError`` for what JSON cannot hold."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
