"""The measuring protocol: what every row of one version has in common."""

from __future__ import annotations

import hashlib
import json
from typing import Any

VERSION = 1
MEMORY_COUNTER = "VmHWM"
STATED: dict[str, Any] = {
    "version": VERSION,
    "sampling": "argmax, inside the timed region",
    "tokenising": "outside",
    "eos": "ignored",
    "kv_counter": "bytes of the cache's tensors, as the runner allocates them",
    "memory_counter": MEMORY_COUNTER,
    "process": "one fresh process a repetition",
}

PAGE_TOKENS = 16  # tokens in a page of the KV cache
CLOCK_DROP = 0.15  # a clock lower by more than this during the run means throttling
LATE_OVER_EARLY = 1.10  # gaps that grow by more than this within one run mean throttling


def fingerprint(settings: dict[str, Any]) -> str:
    """Return 16 hex digits over the protocol and `settings`; rows that differ in them are not one series."""
    text = json.dumps({"protocol": STATED, "settings": settings}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
