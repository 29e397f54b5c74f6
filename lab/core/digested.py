"""Documents that carry the sha256 of their own content: damage is told, never read over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.core.atomic import sweep_stale, write_json
from lab.core.config import check_schema
from lab.core.errors import StoreError
from lab.core.home import shown
from lab.core.jsonio import digest, parse_json, read_json

DIGEST_KEY = "sha256"
DAMAGED = "it was damaged or edited after it was written: remove it, or bring it back from a copy"


def plain(document: dict[str, Any], *, where: str) -> dict[str, Any]:
    """Return the document as it will be read again; StoreError for what JSON does not hold."""
    parsed: dict[str, Any] = parse_json(json.dumps(document), where=where, error=StoreError)
    return parsed


def write_digested(path: Path, document: dict[str, Any]) -> None:
    """Write the plain `document` with its digest in front, whole or not at all."""
    sweep_stale(path.parent)
    write_json(path, {DIGEST_KEY: digest(document), **document})


def read_digested(path: Path, schema: int) -> dict[str, Any]:
    """Return the plain data of the file exactly as it stands, its digest included and checked."""
    document = read_json(path, error=StoreError)
    check_schema(document, schema, where=shown(path), error=StoreError)
    content = {key: value for key, value in document.items() if key != DIGEST_KEY}
    if document.get(DIGEST_KEY) != digest(content):
        raise StoreError(f"{shown(path)}: its content does not match its {DIGEST_KEY}", hint=DAMAGED)
    return dict(document)
