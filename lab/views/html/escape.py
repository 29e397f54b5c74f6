"""Text of strangers in a page: no control characters, no mark-up, no way out of an attribute or a data block."""

from __future__ import annotations

import html
import json
from typing import Any

from lab.core.terminal import finite
from lab.core.text import printable

LONGEST = 500


def text(content: object) -> str:
    """Return the content for between tags."""
    return html.escape(printable(content, LONGEST), quote=False)


def attribute(content: object) -> str:
    """Return the content for between double quotes of an attribute."""
    return html.escape(printable(content, LONGEST), quote=True)


def data(document: Any) -> str:
    """Return JSON for a data block: nothing in it can end the block or begin another."""
    compact = json.dumps(finite(document), separators=(",", ":"), allow_nan=False)
    return compact.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
