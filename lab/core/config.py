"""Configuration files: TOML to frozen dataclasses, with errors that name file, key and next step."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from lab.core.decode import decode, decode_problems
from lab.core.errors import ConfigError, LabError
from lab.core.fields import KeepsUnknown, Limits, encode
from lab.core.home import shown
from lab.core.jsonio import SAVE_AS, check_toml_text, decoded_text, read_bytes
from lab.core.text import said

__all__ = ["KeepsUnknown", "Limits", "check_schema", "decode", "encode", "load_toml", "read_toml"]

T = TypeVar("T")

MAX_BYTES = 1 << 20


def load_toml(path: Path, cls: type[T], *, schema: int | None = None) -> T:
    """Decode the TOML file at `path` as `cls`; `schema` is the newest version this lab reads, if any."""
    data = read_toml(path)
    if schema is not None:
        check_schema(data, schema, where=shown(path))
    return decode(cls, data, where=shown(path))


def toml_problems(path: Path, cls: type[Any], *, schema: int) -> list[LabError]:
    """Return every mistake in the form of the file, which `load_toml` would raise the first of; [] for none."""
    try:
        data = read_toml(path)
        check_schema(data, schema, where=shown(path))
    except LabError as problem:
        return [problem]
    return decode_problems(cls, data, where=shown(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Return the plain tables of a TOML file; syntax errors carry line and column."""
    return parse_toml(read_bytes(path, limit_bytes=MAX_BYTES), where=shown(path))


def parse_toml(content: bytes, *, where: str) -> dict[str, Any]:
    """Return the plain tables of TOML; ConfigError for what is none, or is nested deeper than lab reads."""
    try:
        text = decoded_text(content)
    except ValueError as problem:
        raise ConfigError(f"{where}: not valid TOML: {problem}", hint=SAVE_AS) from problem
    try:
        check_toml_text(text)
        return tomllib.loads(text)
    except ValueError as problem:
        raise ConfigError(f"{where}: not valid TOML: {said(problem)}") from problem


def check_schema(data: object, newest: int, *, where: str, error: type[LabError] = ConfigError) -> None:
    """Raise `error` unless `data` carries a `schema` number from 1 to `newest`."""
    version = data.get("schema") if isinstance(data, dict) else None
    if type(version) is not int or version < 1:
        raise error(
            f"{where}: schema: expected a version number, got {repr(version)[:60]}",
            hint=f"a file of this kind begins with schema = {newest}",
        )
    if version > newest:
        raise error(
            f"{where}: schema {version} is newer than this lab reads ({newest})",
            hint="upgrade lab: pip install --upgrade phi-lab",
        )
