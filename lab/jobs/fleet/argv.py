"""The options of one `lab run`, put into words again for the processes of its targets."""

from __future__ import annotations

from typing import Any

from lab.formats.run.blocks import RevisionBlock

_LISTS = ("prompt", "generate", "depth", "engines")
_SEVERAL = {"tags": "--tag"}
_NAMES = {"engines": "engine", "address": "at"}
_FLAGS = ("accept_new", "profile")


def words_of(options: dict[str, Any]) -> list[str]:
    """Return the words; an option that was left out is left out."""
    words: list[str] = []
    for name, value in options.items():
        option = "--" + _NAMES.get(name, name).replace("_", "-")
        if name in _FLAGS:
            words += [option] if value else []
        elif name in _SEVERAL:
            words += [word for one in value for word in (_SEVERAL[name], one)]
        elif isinstance(value, RevisionBlock):
            words += [option, value.commit]
        elif name in _LISTS:
            words += [option, ",".join(map(str, value))] if value else []
        elif value is not None:
            words += [option, str(value)]
    return words
