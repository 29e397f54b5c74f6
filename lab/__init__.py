"""lab: the bench that measures language models on the devices they are meant for.

From Python: `lab.run(...)`, `lab.compile(...)`, `lab.open()` and `lab.plot`; docs/notebooks.md shows all of them.
"""

from __future__ import annotations

import sys
from os import PathLike
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lab.version import __version__ as __version__

if TYPE_CHECKING:
    from pathlib import Path

    from lab import plot as plot
    from lab.analysis.opened import Opened
    from lab.jobs.api import compile as compile
    from lab.jobs.api import run as run


def open(home: str | PathLike[str] | None = None) -> Opened:
    """Open recorded runs for a notebook: `lab.open().frame()` is a table for pandas, one row a repetition.

    `home` is the folder that holds profiles/, or a Parquet file that lab wrote (an export or an archive); None means
    the store that every verb uses: $LAB_STORE, else $LAB_HOME, else the working folder. docs/notebooks.md shows more.
    """
    from lab.analysis.opened import opened
    from lab.views.notebook import draw_in_notebooks

    draw_in_notebooks()
    return opened(home)


def __getattr__(name: str) -> Any:
    """Import what is used; `compile` is the package of that name, which can be called."""
    from importlib import import_module

    if name == "run":
        from lab.jobs.api import run
        from lab.views.notebook import draw_in_notebooks

        draw_in_notebooks()
        return run
    if name == "compile":
        return import_module("lab.compile")
    if name == "plot":
        return import_module("lab.plot")
    raise AttributeError(f"module 'lab' has no attribute {name!r}")


class _Compile(ModuleType):
    """The package lab.compile, which can be called: `lab.compile(...)` is the job."""

    def __call__(self, *args: Any, **named: Any) -> Path:
        """See `lab.jobs.api.compile`."""
        from lab.jobs.api import compile

        return compile(*args, **named)


class _Lab(ModuleType):
    """This package. The import of lab.compile sets it as an attribute here, whoever imports it first."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Let the package `compile` be called."""
        if name == "compile" and isinstance(value, ModuleType):
            value.__class__ = _Compile
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Lab
