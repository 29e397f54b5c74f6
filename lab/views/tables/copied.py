"""What `lab store copy` did, for people."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from lab.core.text import printable
from lab.store.copy import Copied
from lab.views.table import BAD, spaced


def copied_text(to: str, found: Copied) -> RenderableType:
    """Return the sums, then each run that was not copied, with its reason."""
    parts = [f"{found.copied} copied", f"{found.already} there already"]
    parts += [f"{found.updated} finished since"] if found.updated else []
    parts += [f"{len(found.conflicts)} in conflict"] if found.conflicts else []
    parts += [f"{len(found.damaged)} damaged"] if found.damaged else []
    bad = [("damaged", *one) for one in found.damaged] + [("conflict", *one) for one in found.conflicts]
    lines = [Text(printable(f"{word}: {place}: {reason}"), BAD) for word, place, reason in bad]
    return spaced([Text(printable(f"{to}: {', '.join(parts)}")), *lines])
