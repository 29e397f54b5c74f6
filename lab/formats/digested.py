"""Documents that carry the sha256 of their own content: damage is told, never read over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.core.atomic import json_bytes, sweep_stale, write_bytes
from lab.core.config import check_schema
from lab.core.errors import StoreError
from lab.core.home import shown
from lab.core.jsonio import digest, parse_json, read_bytes

DIGEST_KEY = "sha256"
DAMAGED = "it was damaged or edited after it was written: remove it, or bring it back from a copy"


def plain(document: dict[str, Any], *, where: str) -> dict[str, Any]:
    """Return the document as it will be read again; StoreError for what JSON does not hold."""
    parsed: dict[str, Any] = parse_json(json.dumps(document), where=where, error=StoreError)
    return parsed


def digested_bytes(document: dict[str, Any]) -> bytes:
    """Return the plain `document` with its digest in front, as it is stored everywhere."""
    return json_bytes({DIGEST_KEY: digest(document), **document})


def dense_bytes(document: dict[str, Any]) -> bytes:
    """Return the same document with a line a key, and a line an item of a list: many of them are written at once."""
    whole = {DIGEST_KEY: digest(document), **document}
    return ("{" + ",".join(f"\n {_line(key)}: {_lines(value)}" for key, value in whole.items()) + "\n}\n").encode()


def _lines(value: Any) -> str:
    if isinstance(value, list) and value:
        return "[" + ",".join(f"\n  {_line(item)}" for item in value) + "\n ]"
    return _line(value)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_digested(path: Path, document: dict[str, Any]) -> None:
    """Write the plain `document` with its digest in front, whole or not at all."""
    sweep_stale(path.parent)
    write_bytes(path, digested_bytes(document))


def read_digested(path: Path, schema: int) -> dict[str, Any]:
    """Return the plain data of the file exactly as it stands, its digest included and checked."""
    return parse_digested(read_bytes(path, error=StoreError), schema, where=shown(path))


def parse_digested(content: bytes, schema: int, *, where: str) -> dict[str, Any]:
    """Return the plain data of a stored document, its digest included and checked; StoreError names `where`."""
    document = parse_json(content, where=where, error=StoreError)
    check_schema(document, schema, where=where, error=StoreError)
    hashed = {key: value for key, value in document.items() if key != DIGEST_KEY}
    if document.get(DIGEST_KEY) != digest(hashed):
        raise StoreError(f"{where}: its content does not match its {DIGEST_KEY}", hint=DAMAGED)
    return dict(document)
