"""Saying what is being done, and how long it has taken so far."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Say = Callable[[str], None]


def teller(image: str) -> Say:
    """Return a function that prints one line to standard error."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {image}: {text}", file=sys.stderr, flush=True)

    return say
