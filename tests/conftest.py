"""Options and order of the suite, and locks of its own: no test gets in the way of a real measurement or store."""

from __future__ import annotations

import os
import signal
import tempfile
from typing import Any

import pytest

from tests import order


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--device NAME`: hold the contract of devices against a real one, by its target's name."""
    parser.addoption("--device", metavar="NAME", help="run what is true of every device on this target alone")


def pytest_configure(config: pytest.Config) -> None:
    """Let every process of the tests lock in a folder of theirs."""
    folder = tempfile.TemporaryDirectory(prefix="lab-test-locks-")
    config.add_cleanup(folder.cleanup)
    os.environ["LAB_LOCKS"] = folder.name
    os.environ.pop("LAB_STORE", None)  # nothing of a test lands in somebody's database
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        if os.environ.get(name) in ("C", "POSIX"):  # in which lab draws in ASCII
            os.environ[name] = "C.UTF-8"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # inherited from a script's background job
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long goes first."""
    items.sort(key=lambda item: order.place_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Workers get the tests of a file, or of a machine, together."""
    return order.Scheduling(config, log) if config.getoption("dist") == "loadfile" else None
