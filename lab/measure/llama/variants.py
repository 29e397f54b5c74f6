"""Which weights ik_llama.cpp is fastest with: types of about the same bits, repacked at load or not, all by turns.

The fastest sample of each counts: what else runs on a machine makes samples slower, never faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lab.core.errors import MeasureError
from lab.formats.manifest import GgufManifest
from lab.formats.run.engine import VariantRates, VariantsTried, VariantsUsed, VariantUsed
from lab.formats.test import Test
from lab.measure.llama.attention import Call
from lab.measure.llama.call import LlamaFailed, check_row
from lab.measure.llama.command import Command
from lab.measure.llama.output import Row

PROBE = Test(prompt=256, generate=17)  # its blocks of unpacked weights need 128 rows to pay, for some types
What = Literal["prefill", "decode"]


@dataclass(frozen=True)
class Gguf:
    """A GGUF as it lies on the device."""

    path: str
    manifest: GgufManifest

    @property
    def type(self) -> str:
        """The type of its matrices: q4_0."""
        return self.manifest.weights.layout.removeprefix("gguf-")


@dataclass(frozen=True)
class Variant:
    """A file, repacked at load or not, and how fast a short probe of it went in tokens/s."""

    gguf: Gguf
    repack: bool
    prefill_tok_per_s: Sequence[float]
    decode_tok_per_s: Sequence[float]

    def best(self, what: What) -> float:
        """The fastest sample."""
        return max(self.prefill_tok_per_s if what == "prefill" else self.decode_tok_per_s)

    @property
    def label(self) -> str:
        """iq4_xs, or iq4_xs -rtr."""
        return self.gguf.type + (" -rtr" if self.repack else "")


def try_variants(command: Command, ggufs: Sequence[Gguf], elements: int, call: Call) -> list[Variant]:
    """Return every combination with its rates.

    Raises:
        MeasureError: one of them gives no number.
    """
    try:
        return list(_tried(command, ggufs, elements, call))
    except LlamaFailed as problem:
        raise MeasureError(f"{command.peer.name}: its weights could not be tried: {problem.reason}") from problem


def fastest(tried: Sequence[Variant], what: What) -> Variant:
    """Return the one with the fastest sample."""
    return max(tried, key=lambda one: one.best(what))


def sentence(tried: Sequence[Variant], what: What) -> str:
    """Say what came of it."""
    rates = ", ".join(f"{one.label}: {one.best(what):.1f}" for one in tried)
    return f"{what}s fastest with {fastest(tried, what).label} ({rates} tok/s)"


def variants_tried(tried: Sequence[Variant]) -> VariantsTried | None:
    """Return the probe as records hold it, every sample in order; None where nothing was tried."""
    rates = (
        VariantRates(one.gguf.type, one.repack, tuple(one.prefill_tok_per_s), tuple(one.decode_tok_per_s))
        for one in tried
    )
    return VariantsTried(PROBE.prompt, PROBE.generate, tuple(rates)) if tried else None


def variants_used(prefill: Command, decode: Command, ggufs: Sequence[Gguf]) -> VariantsUsed:
    """Return what prefill and decode run with, as records hold it."""
    types = {one.path: one.type for one in ggufs}
    return VariantsUsed(*(VariantUsed(types[one.gguf], one.repack, one.flash) for one in (prefill, decode)))


def _tried(command: Command, ggufs: Sequence[Gguf], elements: int, call: Call) -> Iterator[Variant]:
    variants = [(gguf, repack) for gguf in ggufs for repack in (False, True)]
    prefills: list[list[float]] = [[] for _ in variants]
    decodes: list[list[float]] = [[] for _ in variants]
    for number in (*range(len(variants)), *reversed(range(len(variants)))):
        gguf, repack = variants[number]
        one = replace(command, gguf=gguf.path, repack=repack)
        prefill, decode = _both(one, call(one, one.probe(PROBE, [one.plan.threads], 1)).rows, elements)
        prefills[number] += prefill.tok_per_s
        decodes[number] += decode.tok_per_s
    for variant, *samples in zip(variants, prefills, decodes, strict=True):
        yield Variant(*variant, *samples)


def _both(command: Command, rows: Sequence[Row], elements: int) -> tuple[Row, Row]:
    tests = (Test(PROBE.prompt, 0), Test(0, PROBE.generate - 1))
    if len(rows) != len(tests):
        raise LlamaFailed("rejected", f"llama-bench ran {len(rows)} tests instead of {len(tests)}")
    for row, test in zip(rows, tests, strict=True):
        check_row(row, test, command, elements)
    return rows[0], rows[1]
