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

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from lab.core.errors import MeasureError
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


def find_llama_bench(peer: Peer, suffix: str = "") -> Path:
    """Return the program that the peer's variable names, else the one on PATH; MeasureError when there is none.

    `suffix` is of another build, "_AVX2": only the variable with that at its end counts.
    """
    variable = peer.variable + suffix
    named = os.environ.get(variable)
    found = shutil.which(named or ("" if suffix else peer.program))
    if found is not None:
        return Path(found).absolute()
    option = f" --{suffix.strip('_').lower()}" if suffix else ""
    hint = f"{peer.build}{option} builds one and says where it is; then set {variable} to it (docs/peers.md)"
    if named:
        raise MeasureError(f"{variable} is {named!r}, which is no program that can be started", hint=hint)
    on_path = "" if suffix else f", and no program {peer.program} is on PATH"
    raise MeasureError(f"engine {peer.name} needs its llama-bench: {variable} is not set{on_path}", hint=hint)
