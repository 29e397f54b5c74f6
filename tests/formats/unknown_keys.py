"""What a document holds that this lab does not know: nothing, where this lab wrote it."""

from __future__ import annotations

import dataclasses
from typing import Any

from lab.core.fields import KeepsUnknown


def unknown_keys(value: Any, path: str = "") -> list[str]:
    """Return the paths of all keys that ended in `extra`, however deep in records and their lists."""
    if isinstance(value, list | tuple):
        return [key for index, item in enumerate(value) for key in unknown_keys(item, f"{path}[{index}]")]
    if not dataclasses.is_dataclass(value):
        return []
    own = [f"{path}.{key}" for key in value.extra] if isinstance(value, KeepsUnknown) else []
    names = [field.name for field in dataclasses.fields(value) if field.name != "extra"]
    return own + [key for name in names for key in unknown_keys(getattr(value, name), f"{path}.{name}")]
