"""What a command may do to reach a device, and whom it may ask."""

from __future__ import annotations

import sys

from lab.cli.output import confirm
from lab.core.progress import Progress
from lab.devices.link import Access


def access_of(accept_new: bool, progress: Progress) -> Access:
    """Return the access; a person is asked only where there is a terminal to ask in."""
    asks = sys.stdin is not None and sys.stdin.isatty()
    return Access(accept_new, confirm if asks else None, progress.note)
