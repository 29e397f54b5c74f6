"""A home of its own for every test, and `lab` as a user runs it, as the tests of the verbs have them."""

from __future__ import annotations

from tests.cli.conftest import home, keep, lab

__all__ = ["home", "keep", "lab"]
