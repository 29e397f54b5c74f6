"""Mutations: of bytes, of the lines of a text, and of the values of a JSON document."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

ESCAPES = "\x1b]0;t\x07\x1b]52;c;cHduZWQ=\x07\x1b[2J\x9b2J\u202e\u200b\r\n[/x][link=http://x]y"
# fmt: off
TOKENS = [
    b"[" * 700, b"{" * 700, b"9" * 5000, b"1" * 25, b"\0", b"\xff\xfe", b"nan", b"inf", b"-1", b"1e999", b"../" * 9,
    ESCAPES.encode(), b"~nobody/x", b"%s%n", b"'", b'"', b"\n\n", b":", b"=", b"[a-", b"\xed\xa0\x80", b"x" * 40_000,
]
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**39, 10**400, 0.5, 1e308, -1e308, 5e-324, 1e-40,
    "", ESCAPES, "=1+1", " =1", "x" * 40_000, "\ud800", "../../x", "a\0b", "latest", "9" * 400, "2026-13-45T99:99:99Z",
    [], {}, [None], [[]], [1, "a", {}], {"a": 1}, {"": {}}, {ESCAPES: ESCAPES}, [ESCAPES], [{"a": [1]}] * 3,
]
# fmt: on


def of_bytes(rng: random.Random, data: bytes) -> bytes:
    """Flip, cut, repeat and insert, a few times."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        _BYTES[rng.randrange(len(_BYTES))](rng, out)
    return bytes(out)


def _flip(rng: random.Random, out: bytearray) -> None:
    if out:
        out[rng.randrange(len(out))] = rng.randrange(256)


def _cut(rng: random.Random, out: bytearray) -> None:
    del out[rng.randrange(len(out) + 1) :]


def _drop(rng: random.Random, out: bytearray) -> None:
    at = rng.randrange(len(out) + 1)
    del out[at : at + rng.choice((1, 4, 64))]


def _repeat(rng: random.Random, out: bytearray) -> None:
    at = rng.randrange(len(out) + 1)
    out[at:at] = out[at : at + rng.choice((1, 8, 200))]


def _insert(rng: random.Random, out: bytearray) -> None:
    at = rng.randrange(len(out) + 1)
    out[at:at] = rng.choice(TOKENS)


def _word(rng: random.Random, out: bytearray) -> None:
    """Eight bytes of a size or a place, as libraries and archives have them."""
    at = rng.randrange(len(out) + 1)
    value = rng.choice((0, 1, 2**16 - 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1))
    out[at : at + 8] = value.to_bytes(8, "little")


_BYTES: list[Callable[[random.Random, bytearray], None]] = [_flip, _flip, _cut, _drop, _repeat, _insert, _insert, _word]


def of_text(rng: random.Random, data: bytes) -> bytes:
    """Change whole values of a text of lines (TOML, ssh configuration, /proc): behind `=`, `:` or a blank."""
    lines = data.split(b"\n")
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(lines))
        name, mark, _ = lines[at].partition(rng.choice((b"=", b":", b" ")))
        value = rng.choice((rng.choice(TOKENS), json.dumps(_value(rng)).encode(), b"[" * 100 + b"]" * 100))
        lines[at] = name + mark + value if rng.random() < 0.8 else lines[rng.randrange(len(lines))]
    return b"\n".join(lines)


def of_json(rng: random.Random, document: Any) -> Any:
    """Change, add, remove and nest values of a document; it may become what JSON does not hold."""
    changed = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = list(_places(changed))
        if not places:
            break
        inner, key = places[rng.randrange(len(places))]
        _EDITS[rng.randrange(len(_EDITS))](rng, inner, key)
    return changed


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    left = [value]  # not by recursion: a document may be nested by edits that met
    while left:
        inner = left.pop()
        items = inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
        for key, item in items:
            yield inner, key
            left.append(item)
        if isinstance(inner, dict):
            yield inner, "new"


def _value(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice(VALUES))


def _replace(rng: random.Random, inner: Any, key: Any) -> None:
    inner[key] = _value(rng)


def _remove(rng: random.Random, inner: Any, key: Any) -> None:
    if isinstance(inner, dict):
        inner.pop(key, None)
    else:
        del inner[key]


def _nest(rng: random.Random, inner: Any, key: Any) -> None:
    value: Any = 1
    for _ in range(rng.choice((20, 70, 400))):
        value = [value] if rng.random() < 0.5 else {"a": value}
    inner[key] = value


def _swap(rng: random.Random, inner: Any, key: Any) -> None:
    """Of text a number, of a list a table, and the like: its neighbour in JSON."""
    value = inner.get(key) if isinstance(inner, dict) else inner[key]
    inner[key] = [value] if not isinstance(value, list) else {str(at): one for at, one in enumerate(value)}


def _rename(rng: random.Random, inner: Any, key: Any) -> None:
    if isinstance(inner, dict) and key in inner:
        inner[rng.choice((ESCAPES, "extra", "", "x" * 40_000))] = inner.pop(key)


_EDITS: list[Callable[[random.Random, Any, Any], None]] = [_replace, _replace, _replace, _remove, _nest, _swap, _rename]


def dumped(rng: random.Random, document: Any) -> bytes:
    """Return the document as text, now and then damaged as text too."""
    try:
        data = json.dumps(document).encode()
    except RecursionError:  # nested more than once
        data = b"[" * 2000 + b"]" * 2000
    return of_bytes(rng, data) if rng.random() < 0.1 else data
