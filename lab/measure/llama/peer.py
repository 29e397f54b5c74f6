"""Whose llama-bench it is: llama.cpp's, or that of its fork ik_llama.cpp, with other options and another output.

| | llama.cpp | ik_llama.cpp |
|---|---|---|
| output | a JSON object a line | one JSON array |
| depth | `-d`, of every test | `-gp depth,generate`, of decoding alone |
| attention | `-fa on`, `off`, `auto` | `-fa 1`, `0` |
| repacking at load | always, where it has a layout | `-rtr 1` |
| warm-up of a prefill | the same prompt | one token |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lab.formats.test import Test
from lab.measure.plan import Plan

Words = list[object]
BUILD = "scripts/build-llama-bench"


class Peer(Protocol):
    """One of the two projects: the program, how it is called, and how its output is read."""

    @property
    def name(self) -> str:
        """What the engine is called on the command line and in records."""

    @property
    def program(self) -> str:
        """The program's name on PATH."""

    @property
    def variable(self) -> str:
        """The environment variable that names the program."""

    @property
    def build(self) -> str:
        """The command that builds the program."""

    @property
    def has_variants(self) -> bool:
        """Whether several types of weights, repacked or not, are tried for the fastest."""

    @property
    def warmups(self) -> Mapping[str, str]:
        """What warms up a prefill and a decode."""

    def check(self, plan: Plan) -> None:
        """Raise MeasureError for a cell that it has no test for."""

    def settings(self, flash: str | None, repack: bool) -> dict[str, object]:
        """Return the options that all tests share; `flash` is "on", "off" or None for its default."""

    def test(self, test: Test) -> Words:
        """Return the options for one test."""

    @property
    def unwarmed(self) -> Words:
        """The options that leave the warm-up out."""

    def whole(self, test: Test) -> Words:
        """Return the options for a prompt and what follows in one cache, without a warm-up."""

    def tables(self, lines: Sequence[str]) -> list[tuple[str, Any]]:
        """Return (place, row as plain data) of an output; MeasureError names the place that makes no sense."""

    def shown(self, flash: str | None, repack: bool) -> dict[str, Any]:
        """Return the columns in which a row repeats such settings."""

    def isa(self, log: str) -> str | None:
        """Return the instruction set that it says it was built for; None when it does not say."""
