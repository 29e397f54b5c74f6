"""The two projects whose llama-bench lab drives, by the names that --engine takes; see `lab.measure.llama.peer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.core.errors import MeasureError
from lab.core.jsonio import parse_json
from lab.formats.test import Test
from lab.measure.llama.peer import BUILD, Peer, Words
from lab.measure.plan import Plan

_FANCY = "HAVE_FANCY_SIMD is "  # its 512-bit path with VNNI, which needs five AVX-512 macros at compile time
_BACKENDS = ("cuda", "vulkan", "kompute", "metal", "sycl", "rpc", "gpu_blas", "blas")


@dataclass(frozen=True)
class IkLlama:
    """See `Peer`."""

    name: str = "ik_llama.cpp"
    program: str = "ik-llama-bench"
    variable: str = "LAB_IK_LLAMA_BENCH"
    build: str = f"{BUILD} --ik"
    has_variants: bool = True

    @property
    def warmups(self) -> Mapping[str, str]:
        """See `Peer`."""
        return {"prefill": "llama-bench's own: one token", "decode": "llama-bench's own: one token, then the prompt"}

    @property
    def unwarmed(self) -> Words:
        """See `Peer`."""
        return ["-w", 0]

    def check(self, plan: Plan) -> None:
        """See `Peer`. Its prefill begins with an empty cache."""
        deep = [cell.label for cell in plan.cells if cell.depth]
        if deep:
            raise MeasureError(
                f"engine {self.name}: {', '.join(deep)}: its llama-bench has no prefill after a depth",
                hint="leave --depth out: --prompt 2048 also decodes after 2048 tokens",
            )

    def settings(self, flash: str | None, repack: bool) -> dict[str, object]:
        """See `Peer`. -mmp 0: weights are read into memory of its own, where huge pages are, as repacked ones are."""
        return {
            "-o": "json",
            "-mmp": 0,
            "-rtr": int(repack),
            **({} if flash is None else {"-fa": int(flash == "on")}),
        }

    def test(self, test: Test) -> Words:
        """See `Peer`. -v: it then says what it was built for."""
        if test.generate and test.depth:
            return ["-p", 0, "-n", 0, "-gp", f"{test.depth},{test.generate}", "-v"]
        return ["-p", test.prompt, "-n", test.generate, "-v"]

    def whole(self, test: Test) -> Words:
        """See `Peer`."""
        return ["-p", 0, "-n", 0, "-pg", f"{test.prompt},{test.generate}", *self.unwarmed]

    def tables(self, lines: Sequence[str]) -> list[tuple[str, Any]]:
        """See `Peer`: one array over all lines; its rows get the columns that llama.cpp's have."""
        if not lines:
            return []
        where = "llama-bench output"
        document = parse_json("\n".join(lines), where=where, error=MeasureError)
        if not isinstance(document, list):
            raise MeasureError(f"{where}: not an array of rows")
        return [(f"{where} row {number}", _as_llama_cpp(row)) for number, row in enumerate(document, start=1)]

    def shown(self, flash: str | None, repack: bool) -> dict[str, Any]:
        """See `Peer`."""
        return {"repack": repack, **({} if flash is None else {"flash_attn": flash == "on"})}

    def isa(self, log: str) -> str | None:
        """See `Peer`."""
        if f"{_FANCY}defined" in log:
            return "avx512-vnni"
        return "avx2" if f"{_FANCY}NOT defined" in log else None


def _as_llama_cpp(row: Any) -> Any:
    """Return a row with `backends` and `n_depth`; what is no such row as it is."""
    if not isinstance(row, dict) or {"backends", "n_depth"} & row.keys():
        return row
    used = [name for name in _BACKENDS if row.get(name) not in (None, False, 0, "0", "")]
    named = {**row, "backends": ",".join(used) or "CPU", "n_depth": 0}
    if "n_prompt" in row and row.get("test") == f"tg{row.get('n_gen')}@pp{row['n_prompt']}":
        named |= {"n_prompt": 0, "n_depth": row["n_prompt"]}
    return named


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


LLAMA_CPP, IK_LLAMA = LlamaCpp(), IkLlama()
PEERS: dict[str, Peer] = {peer.name: peer for peer in (LLAMA_CPP, IK_LLAMA)}
