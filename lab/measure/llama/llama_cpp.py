"""llama.cpp's llama-bench: see `lab.measure.llama.peer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.core.errors import MeasureError
from lab.core.jsonio import parse_json
from lab.formats.test import Test
from lab.measure.llama.peer import BUILD, Words
from lab.measure.plan import Plan


@dataclass(frozen=True)
class LlamaCpp:
    """See `Peer`."""

    name: str = "llama.cpp"
    program: str = "llama-bench"
    variable: str = "LAB_LLAMA_BENCH"
    build: str = BUILD
    has_variants: bool = False

    @property
    def warmups(self) -> Mapping[str, str]:
        """See `Peer`."""
        return {"prefill": "llama-bench's own: the same prompt once", "decode": "llama-bench's own: one token"}

    @property
    def unwarmed(self) -> Words:
        """See `Peer`."""
        return ["--no-warmup"]

    def check(self, plan: Plan) -> None:
        """It has a test for every cell."""

    def settings(self, flash: str | None, repack: bool) -> dict[str, object]:
        """See `Peer`. It repacks by itself."""
        return {"-o": "jsonl", "-dev": "none", **({} if flash is None else {"-fa": flash})}

    def test(self, test: Test) -> Words:
        """See `Peer`."""
        return ["-p", test.prompt, "-n", test.generate, "-d", test.depth]

    def whole(self, test: Test) -> Words:
        """See `Peer`. Not by depth: for each it keeps a copy of the cache, which no user of llama.cpp has."""
        return ["-p", 0, "-n", 0, "-pg", f"{test.prompt},{test.generate}", *self.unwarmed]

    def tables(self, lines: Sequence[str]) -> list[tuple[str, Any]]:
        """See `Peer`: one row a line."""
        return [(where, parse_json(line, where=where, error=MeasureError)) for where, line in _placed(lines)]

    def shown(self, flash: str | None, repack: bool) -> dict[str, Any]:
        """Nothing: what it repeats of them are its own words."""
        return {}

    def isa(self, log: str) -> str | None:
        """It does not say."""
        return None


def _placed(lines: Sequence[str]) -> list[tuple[str, str]]:
    return [(f"llama-bench output line {number}", line) for number, line in enumerate(lines, start=1)]
