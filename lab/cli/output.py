"""stdout carries the answer; everything said while finding it goes to stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

import click


def print_document(document: Any) -> None:
    """Write one JSON document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def print_text(text: str) -> None:
    """Write text as it stands, ending in exactly one newline."""
    click.echo(text.rstrip("\n"))


def warn(text: str) -> None:
    """Write one line of warning to stderr."""
    click.echo(f"warning: {text}", err=True)


def tell(text: str) -> None:
    """Write one line to stderr that is no warning."""
    click.echo(text, err=True)


def stderr() -> Any:
    """The stream for talk; looked up when used, since tests replace it."""
    return sys.stderr
