"""Shell completion: click's protocol, with the names that lab knows as values of its options and arguments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, shell_complete

if TYPE_CHECKING:
    _Text = click.ParamType[str]
else:  # of click before 8.3 it has no arguments
    _Text = click.ParamType

VARIABLE = "_LAB_COMPLETE"
NEWEST = 50  # run ids that are offered: more is no help


class Known(_Text):
    """A text of which these names are offered, several of them separated by commas."""

    name = "text"

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self._names = names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that go on with what stands after the last comma."""
        before, comma, begun = incomplete.rpartition(",")
        return [CompletionItem(f"{before}{comma}{name}") for name in self._names() if name.startswith(begun)]


def is_asked() -> bool:
    """Whether a shell asks for completions, or for the script that asks."""
    return bool(os.environ.get(VARIABLE))


def answer(app: click.Group) -> int:
    """Answer the shell; a home that cannot be read, or a bug, is no completion and no noise at a prompt."""
    try:
        return shell_complete(app, {}, "lab", VARIABLE, os.environ[VARIABLE])
    except Exception:
        return 1


def with_names(command: click.Command, path: str) -> None:
    """Have the options and arguments of a verb and of its sub-commands complete the names that they take."""
    for param in command.params:
        names = _names(param, path)
        if names is not None and param.type is click.STRING:
            param.type = Known(names)
    for name, one in getattr(command, "commands", {}).items():
        with_names(one, f"{path} {name}")


def _names(param: click.Parameter, path: str) -> Callable[[], Iterable[str]] | None:
    if isinstance(param, click.Option):
        return OPTIONS.get(param.name or "") or OPTIONS.get(param.opts[0])
    return ARGUMENTS.get((path, str(param.metavar))) or ARGUMENTS.get(("", str(param.metavar)))


def _targets() -> Iterable[str]:
    from lab.core.home import definitions

    return definitions("targets")


def _recorded_targets() -> Iterable[str]:
    from lab import store

    return sorted({*_targets(), *(entry.target for entry in store.entries())})


def _models() -> Iterable[str]:
    from lab.models.catalog import model_ids

    return model_ids()


def _dashboards() -> Iterable[str]:
    from lab.core.home import definitions

    return definitions("dashboards")


def _engines() -> Iterable[str]:
    from lab.jobs.options import ENGINES

    return ENGINES


def _metrics() -> Iterable[str]:
    from lab.formats.metrics import judged

    return judged()


def _runs() -> Iterable[str]:
    from lab import store

    return ["latest", *(entry.run_id for entry in store.entries()[: -NEWEST - 1 : -1])]


OPTIONS: dict[str, Any] = {
    "targets": _targets,
    "--target": _recorded_targets,
    "--model": _models,
    "--engine": _engines,
    "--metric": _metrics,
    "--resume": _runs,
    "--baseline": _runs,
    "--candidate": _runs,
}
ARGUMENTS: dict[tuple[str, str], Any] = {
    ("dash", "[NAME]"): _dashboards,
    ("targets check", "[NAME]"): _targets,
    ("", "TARGET"): _targets,
    ("", "RUN"): _runs,
    ("", "[RUN]"): _runs,
    ("", "RUN..."): _runs,
    ("compare", "[A"): _runs,
    ("compare", "B]"): _runs,
}
