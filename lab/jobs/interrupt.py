"""Ctrl-C in work that can say what it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Interrupted(Exception):  # noqa: N818 - not an error: somebody wanted it
    """Ctrl-C in a place that can say what was kept."""

    def __init__(self, kept: str) -> None:
        super().__init__(kept)
        self.kept = kept


@contextmanager
def keeping(kept: str) -> Iterator[None]:
    """Turn Ctrl-C inside the block into `Interrupted` with a sentence on what was kept."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(kept) from None
