"""docs/verbs.md: the help of every verb as Markdown, independent of how the installed click draws it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import TypeVar

import click

from tests.cli.test_help import ALL

Kind = TypeVar("Kind", bound=click.Parameter)


def every_verb() -> str:
    """Return a section for each verb and sub-command: what it does, its examples, its options."""
    return "\n".join(_section(name, command) for name, command in ALL.items())


def _section(name: str, command: click.Command) -> str:
    arguments = [param.make_metavar(click.Context(command)) for param in _of(command, click.Argument)]
    usage = " ".join(["lab", name, *arguments, "..." if isinstance(command, click.Group) else ""]).strip()
    title = f"{'###' if ' ' in name else '##'} `{usage}`\n"
    return "\n".join([title, *_paragraphs(command), *_options(command)])


def _paragraphs(command: click.Command) -> Iterator[str]:
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        drawn = paragraph.removeprefix("\b\n")
        if drawn.startswith("Example:\n"):
            yield f"```console\n{re.sub('^ *(?=lab )', '$ ', _rest(drawn), flags=re.MULTILINE)}\n```\n"
        elif drawn != paragraph:
            yield f"```text\n{drawn}\n```\n"
        else:
            yield f"{_escaped(paragraph)}\n"


def _options(command: click.Command) -> Iterator[str]:
    options = [option for option in _of(command, click.Option) if not option.hidden]
    if options:
        rows = (f"| `{_names(option)}` | {_escaped(str(option.help))} |" for option in options)
        yield "\n".join(["| option | |", "|---|---|", *rows, ""])


def _names(option: click.Option) -> str:
    value = "" if option.is_flag else f" {_value(option)}"
    return ", ".join(option.opts) + value


def _value(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "\\|".join(str(choice) for choice in option.type.choices)
    return str(option.metavar or option.type.name.upper())


def _of(command: click.Command, kind: type[Kind]) -> list[Kind]:
    return [param for param in command.params if isinstance(param, kind)]


def _rest(paragraph: str) -> str:
    return inspect.cleandoc(paragraph.partition("\n")[2])


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
