"""Choose how work is reported: live in a terminal, plain lines everywhere else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from lab.core.progress import Progress
from lab.views.plain_progress import PlainProgress


@contextmanager
def progress_on(stream: TextIO) -> Iterator[Progress]:
    """Yield a live progress when `stream` is a terminal that can move its cursor, else a plain one.

    LAB_PROGRESS=json asks for one that another program reads.
    """
    if os.environ.get("LAB_PROGRESS") == "json":
        from lab.views.json_progress import JsonProgress

        yield JsonProgress(stream)
    elif stream.isatty() and os.environ.get("TERM") != "dumb":
        from lab.views.live_progress import LiveProgress

        with LiveProgress(stream) as live:
            yield live
    else:
        yield PlainProgress(stream)
