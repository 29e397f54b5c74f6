"""The options of one `lab run`, put into arguments again for a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from lab.formats.run.blocks import RevisionBlock
from lab.jobs.options import RunOptions

_NAMES = {"engines": "engine", "address": "at", "tags": "tag"}
_REPEATED = ("tags",)  # an option each; of another tuple all values are one argument


def argv_of(options: RunOptions) -> list[str]:
    """Return the arguments of `lab run` that ask for the same; what has its default is left out."""
    arguments: list[str] = []
    for field in fields(options):
        value, option = getattr(options, field.name), "--" + _NAMES.get(field.name, field.name).replace("_", "-")
        if value != field.default:
            arguments += _arguments(option, value, field.name in _REPEATED)
    return arguments


def _arguments(option: str, value: Any, is_repeated: bool) -> Iterator[str]:
    if value is True:
        yield option
    elif is_repeated:
        for one in value:
            yield from (option, one)
    elif isinstance(value, tuple):
        yield from (option, ",".join(map(str, value)))
    else:
        yield from (option, value.commit if isinstance(value, RevisionBlock) else str(value))
