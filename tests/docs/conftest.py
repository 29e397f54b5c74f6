"""The fixtures of the command line: pages are full of commands."""

from tests.cli.conftest import home, keep, lab

__all__ = ["home", "keep", "lab"]
