"""Single values of a `config.json`: of the type that transformers asks for, or an error that names the key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lab.core.errors import ModelError

HINT = "a config.json of its model_type has this key: is the file whole?"


def number(data: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    """Return the number `key` of the type int, or float (which whole numbers are too); ModelError without one."""
    if key not in data:
        raise ModelError(f"{where}: {key} is missing", hint=HINT)
    value = data[key]
    wanted = int if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise ModelError(f"{where}: {key} must be {'an integer' if kind is int else 'a number'}, not {short(value)}")
    return value if kind is int else finite(value, key, where)


def whole(data: Mapping[str, Any], key: str, where: str) -> int:
    """Return the integer `key`; ModelError where it is missing or below 1."""
    value = number(data, key, int, where)
    if value < 1:
        raise ModelError(f"{where}: {key} is {short(value)}; it must be at least 1")
    return int(value)


def optional(data: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    """Return the number `key`, or None where it is missing or null."""
    return None if data.get(key) is None else number(data, key, kind, where)


def switch(data: Mapping[str, Any], key: str, where: str) -> bool:
    """Return the switch `key`, False where it is missing; ModelError for what is neither true nor false."""
    value = data.get(key, False)
    if not isinstance(value, bool):
        raise ModelError(f"{where}: {key} must be true or false, not {short(value)}")
    return value


def finite(value: float, key: str, where: str) -> float:
    """Return the number as a float; ModelError where it is none or infinite."""
    try:
        as_float = float(value)
    except OverflowError:
        as_float = math.inf
    if not math.isfinite(as_float):
        raise ModelError(f"{where}: {key} is {short(value)}; it must be a finite number")
    return as_float


def short(value: Any) -> str:
    """Return the value as an error shows it: of bounded length whatever it is."""
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a number of more than 30 digits"
    return text if len(text) <= 60 else f"{text[:59]}…"
