"""Whether a row contradicts itself, or says what no device can do: such a row is kept, marked, and never judged.

The codes are those of lab.analysis.run.flags. Bounds are generous, since a mark takes a number out of every comparison.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from statistics import fmean

from lab.analysis.exchange.readers.parsed import Subject

Doubt = tuple[str, str]
CONTRADICTORY, IMPOSSIBLE = "contradictory", "impossible"
SLACK = 1.1  # files round their numbers, and some write a median for the mean
NOISY = 0.3  # with more deviation the mean of rates and the rate of the mean time may be anything to each other
MEMORY_BYTES_PER_S = 40e12  # of one device: five times the fastest there is
OPS_PER_S = 1e17  # of one device, in its narrowest type: five times the fastest there is
DECODE_PER_S, PREFILL_PER_S = 1e6, 1e8  # whatever the model: a step takes a microsecond to begin
_ACTIVE = re.compile(r"(?<![a-z\d])a(\d+(?:\.\d+)?)b(?![a-z])", re.IGNORECASE)
_EXPERTS = re.compile(r"(?<![a-z\d])(\d+)x[\d.]+[bm]|x(\d+)e(?![a-z])", re.IGNORECASE)
_MIXED = re.compile(r"moe|gpt-?oss|deepseek|mixtral|dbrx|grok|jamba|minimax|kimi|arctic|llama4", re.IGNORECASE)
_FEWEST = 1 / 64  # of the weights of a mixture of experts whose size nobody says


def disagreements(tokens: int, avg_ns: float | None, avg_ts: float | None, ns: Sequence[float], ts: Sequence[float],
                  cv: float) -> Iterator[Doubt]:  # fmt: skip
    """Yield where times, rates and means of a row do not fit each other.

    Nanoseconds and tokens/s, of samples and as means (None: not said); `cv` is the deviation that the row gives,
    as a fraction: the mean of rates and the rate of the mean time differ the more the bigger it is.
    """
    of_ns = [tokens * 1e9 / one for one in ns]
    if ns and ts and not _near(fmean(ts), fmean(of_ns), SLACK):
        yield CONTRADICTORY, f"{fmean(ts):.6g} tok/s by its samples, {fmean(of_ns):.6g} by their times"
    samples = of_ns or list(ts)
    if samples and avg_ts is not None and not min(samples) / SLACK <= avg_ts <= max(samples) * SLACK:
        yield CONTRADICTORY, f"{avg_ts:.6g} tok/s by its mean, {fmean(samples):.6g} by its samples"
    if ns and avg_ns is not None and not min(ns) / SLACK <= avg_ns <= max(ns) * SLACK:
        yield CONTRADICTORY, f"{avg_ns / 1e9:.6g} s by its mean time, {fmean(ns) / 1e9:.6g} s by its samples"
    if not samples and avg_ts and avg_ns and cv < NOISY:
        of_time = tokens * 1e9 / avg_ns
        if not _near(avg_ts, of_time, SLACK * (1 + cv) ** 2):
            yield CONTRADICTORY, f"{avg_ts:.6g} tok/s by its mean, {of_time:.6g} by its time"


def impossible(subject: Subject, prefill: Sequence[float], decode: Sequence[float]) -> Iterator[Doubt]:
    """Yield why the rates, in tokens/s, cannot be: every token of decode reads all weights, or the experts it needs."""
    devices, part = _devices(subject), _active_part(subject)
    if decode:
        rate, read = fmean(decode), fmean(decode) * (subject.weights_bytes or 0) * part
        if read > MEMORY_BYTES_PER_S * devices or rate > DECODE_PER_S:
            yield (
                IMPOSSIBLE,
                f"above any roofline: {rate:.6g} tok/s of decode would read {read / 1e12:.6g} TB/s of weights",
            )
    if prefill:
        rate, done = fmean(prefill), 2 * fmean(prefill) * (subject.parameters or 0) * part
        if done > OPS_PER_S * devices or rate > PREFILL_PER_S:
            yield IMPOSSIBLE, f"above any roofline: {rate:.6g} tok/s of prefill would take {done / 1e12:.6g} Tops/s"


def _near(one: float, other: float, factor: float) -> bool:
    return other / factor <= one <= other * factor


def _devices(subject: Subject) -> int:
    """At least so many devices may have shared the work: GPUs are listed, and so are remote servers."""
    listed = (str(subject.device.get("gpu") or ""), str(subject.settings.get("rpc_servers") or ""))
    return sum(text.count(",") + 1 for text in listed if text) or 1


def _active_part(subject: Subject) -> float:
    """Which part of the weights a token needs, at the least."""
    names = f"{subject.source_id} {subject.model_type}"
    if (active := _ACTIVE.search(names)) and subject.parameters:
        return min(float(active[1]) * 1e9 / subject.parameters, 1.0)
    if experts := _EXPERTS.search(names):
        return 1 / max(int(experts[1] or experts[2]), 1)
    return _FEWEST if active or _MIXED.search(names) else 1.0
