"""What is fuzzed: a name, how an input is made, and what reads it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fuzz import mutate
from lab.core.jsonio import digest
from lab.formats.digested import DIGEST_KEY

TESTS = Path(__file__).resolve().parents[2] / "tests"
CASES = TESTS / "cases/security"
FOREIGN = TESTS / "analysis/exchange/files"


@dataclass(frozen=True)
class Target:
    """`make` gives the bytes of one input; `read` reads them in an empty folder, and may raise LabError.

    `at_once` is how many inputs it is given before the next one's turn: a command takes as long as a hundred readings.
    """

    name: str
    make: Callable[[random.Random], bytes]
    read: Callable[[Path, bytes], object]
    at_once: int = 10


def raw(*samples: bytes) -> Callable[[random.Random], bytes]:
    """Mutated bytes of one of the samples."""
    return lambda rng: mutate.of_bytes(rng, rng.choice(samples))


def text(*samples: bytes) -> Callable[[random.Random], bytes]:
    """Mutated lines of one of the samples, now and then mutated bytes."""
    return lambda rng: (mutate.of_text if rng.random() < 0.7 else mutate.of_bytes)(rng, rng.choice(samples))


def document(*samples: Any) -> Callable[[random.Random], bytes]:
    """A mutated JSON document."""
    return lambda rng: mutate.dumped(rng, mutate.of_json(rng, rng.choice(samples)))


def sealed(*samples: Any) -> Callable[[random.Random], bytes]:
    """A mutated JSON document with the digest that it should have, so that its content is looked at."""
    return lambda rng: dumped(rng, mutate.of_json(rng, rng.choice(samples)))


def dumped(rng: random.Random, found: Any) -> bytes:
    """Return the document with its digest, as text."""
    return mutate.dumped(rng, seal(found))


def seal(found: dict[str, Any]) -> dict[str, Any]:
    """Return the document with its digest in front."""
    try:
        return {DIGEST_KEY: digest(found), **found}
    except (ValueError, TypeError, RecursionError):  # what JSON does not hold has none
        return {DIGEST_KEY: "0" * 64, **found}


def loaded(path: Path) -> Any:
    """Return the JSON document at `path` without its digest."""
    found = json.loads(path.read_bytes())
    if isinstance(found, dict):
        found.pop(DIGEST_KEY, None)
    return found


def samples(folder: Path, *names: str) -> Sequence[bytes]:
    """Return the content of the files."""
    return [(folder / name).read_bytes() for name in names]


def put(name: str, read: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    """A reader of a file of that name."""

    def write_and_read(folder: Path, data: bytes) -> object:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return read(path)

    return write_and_read
