"""Options and order of the suite, and locks of its own: no test gets in the way of a real measurement or store."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from typing import Any

import pytest

from lab.compile.zig import zig_env
from tests import order
from tests.compiled import pocl_cache

LATE_S = 4.0  # twice what the mark is for: machines differ


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
    _share_caches()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # inherited from a script's background job
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _share_caches() -> None:
    """Let what Python, ziglang and PoCL make of each source be made once for all processes, in whatever home."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with zig_env() as env:
        os.environ.update({name: value for name, value in env.items() if name.startswith("ZIG_")})
    os.environ.setdefault("POCL_CACHE_DIR", str(pocl_cache()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long goes first."""
    items.sort(key=lambda item: order.place_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Workers get the tests of a file, or of a machine, together."""
    return order.Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the tests that take long without being marked slow: who leaves slow ones out waits for these."""
    late = [
        (report.duration, report.nodeid)
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.duration > LATE_S and "slow" not in report.keywords
    ]
    if late:
        terminalreporter.section(f"not marked slow, but over {LATE_S:g} s")
        for duration_s, nodeid in sorted(late, reverse=True):
            terminalreporter.line(f"{duration_s:.1f} s  {nodeid}")
