"""From the output of one run of the runner to a repetition of a record, by the definitions of the protocol.

The time stamps are the runner's own, from one monotonic clock: submit, then one per generated token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from lab.formats.run_record import Repetition, WarmUp
from lab.formats.test import Test
from lab.measure.attempt import Attempt
from lab.measure.conditions.gates import Conditions
from lab.measure.conditions.throttle import judge
from lab.ondevice.run_log import RunLog


@dataclass(frozen=True)
class Timing:
    """What a runner said of one repetition. Counts are its own; `token_ns[0]` is the first new token."""

    submit_ns: int
    token_ns: tuple[int, ...]
    prompt_tokens: int
    generated_tokens: int
    depth_tokens: int = 0
    image_positions: int = 0


@dataclass(frozen=True)
class Metrics:
    """The numbers of one repetition, in seconds and tokens per second.

    `ttft_s`: submit to first token. `ttst_s`: first to second token. `itl_s`: every gap between tokens in
    order, `len(token_ns) - 1` of them. Of a text that was judged, `judgement_s` is submit to
    scores, and no number is of generated tokens.
    """

    prefill_tok_per_s: float
    decode_tok_per_s: float | None = None
    ttft_s: float | None = None
    ttst_s: float | None = None
    itl_s: tuple[float, ...] | None = None
    judgements_per_s: float | None = None
    judgement_s: float | None = None


def why_rejected(cell: Test, timing: Timing) -> str | None:
    """Return why the row can't stand for `cell`, or None: counts must be equal and stamps must ascend."""
    return _wrong_count(cell, timing) or _wrong_clock(timing.submit_ns, timing.token_ns)


def metrics(cell: Test, timing: Timing) -> Metrics:
    """Return the numbers of a repetition that `why_rejected` finds nothing wrong with.

    prefill = prompt / (first token - submit): the model is loaded, the depth is in the cache already. The positions of
    an image count in it; that is encoded before.
    decode = (generated - 1) / (last token - first token): the first token belongs to the prefill.
    """
    first, last = timing.token_ns[0], timing.token_ns[-1]
    ttft_s = _seconds(first - timing.submit_ns)
    if not cell.generate:
        return Metrics(cell.prompt / ttft_s, judgements_per_s=1 / ttft_s, judgement_s=ttft_s)
    itl_s = tuple(_seconds(late - early) for early, late in pairwise(timing.token_ns))
    return Metrics(
        prefill_tok_per_s=(cell.prompt + timing.image_positions) / ttft_s,
        decode_tok_per_s=(cell.generate - 1) / _seconds(last - first),
        ttft_s=ttft_s,
        ttst_s=itl_s[0],
        itl_s=itl_s,
    )


def _wrong_count(cell: Test, timing: Timing) -> str | None:
    counts = (
        ("prompt tokens", cell.prompt, timing.prompt_tokens),
        ("tokens of depth", cell.depth, timing.depth_tokens),
        ("generated tokens", cell.generate, timing.generated_tokens),
        ("time stamps", max(cell.generate, 1), len(timing.token_ns)),
    )
    wrong = [f"{found} {what} instead of {asked}" for what, asked, found in counts if asked != found]
    return f"the runner counted {', '.join(wrong)}" if wrong else None


def _wrong_clock(submit_ns: int, token_ns: Sequence[int]) -> str | None:
    if token_ns[0] <= submit_ns:
        return "the first token is not stamped after the submit: the clock jumped"
    for index, (early, late) in enumerate(pairwise(token_ns), start=1):
        if late < early:
            return f"token {index} is stamped before token {index - 1}: the clock jumped"
    if token_ns[-1] == token_ns[0] and len(token_ns) > 1:
        return "all tokens bear one time stamp: they came as one chunk, so the gaps are unknown"
    return None


def _seconds(ns: int) -> float:
    return ns / 1e9


def repetition(cell: Test, threads: int, verify: bool, log: RunLog, how: Attempt, around: Conditions) -> Repetition:
    """Return the repetition: with numbers when it is whole, else with a reason (and stamps, if not broken)."""
    row = replace(around.bare(), **_raw(log))
    if how.ending == "wrong_output":
        return replace(row, status="wrong_output", reason=how.reason, submit_ns=None, token_ns=None)
    if how.ending != "whole":
        return replace(row, status=how.ending, reason=how.reason, by_device=how.by_device or None, error=how.said)
    if verify and log.verify is None:
        return replace(row, status="failed", reason="the runner did not verify the bundle, though asked to")
    timing = timing_of(log)
    reason = why_rejected(cell, timing)
    if reason is not None:
        return replace(row, status="rejected", reason=reason)
    return _with_numbers(row, cell, threads, timing)


def interrupted(log: RunLog, around: Conditions) -> Repetition:
    """Return the repetition that Ctrl-C ended: what was stamped by then, and no numbers."""
    return replace(around.bare(), **_raw(log), status="interrupted", reason="stopped by Ctrl-C")


def _with_numbers(row: Repetition, cell: Test, threads: int, timing: Timing) -> Repetition:
    numbers = metrics(cell, timing)
    context = cell.depth + cell.prompt + timing.image_positions
    slowing = judge(row.state_before, row.state_during, threads, numbers.itl_s or (), context)
    return replace(row, **asdict(numbers), **slowing._asdict())


def _raw(log: RunLog) -> dict[str, Any]:
    """Return what the runner said itself; null where it did not come to say it."""
    counters = log.memory.counters if log.memory else None
    counter, peak_bytes = counters.peak if counters else (None, None)
    return {
        "load_s": log.loaded.load_ns / 1e9 if log.loaded else None,
        "submit_ns": log.submit.t_ns if log.submit else None,
        "token_ns": tuple(token.t_ns for token in log.tokens) if log.submit else None,
        "rss_peak_bytes": peak_bytes,
        "rss_peak_counter": counter if peak_bytes is not None else None,
        "swap_bytes": counters.VmSwap if counters else None,
        "major_faults": counters.major_faults if counters else None,
        "warmup": _warmup(log),
        "image_s": log.image.encode_ns / 1e9 if log.image else None,
        "tokens_sha256": _tokens_sha256(log) if log.end else None,
    }


def _tokens_sha256(log: RunLog) -> str:
    """Return the digest of the generated ids, as decimal numbers with a comma between each two."""
    return hashlib.sha256(",".join(str(token.id) for token in log.tokens).encode()).hexdigest()


def _warmup(log: RunLog) -> WarmUp | None:
    if log.warm is None:
        return None
    steps = tuple(ns / 1e9 for round_ in log.warmups for ns in round_.decode_ns)
    prefills = tuple(round_.prefill_ns / 1e9 for round_ in log.warmups)
    return WarmUp(log.warm.count, log.warm.stable, steps, prefills)


def timing_of(log: RunLog) -> Timing:
    """Return the stamps and counts of a run as the runner gave them."""
    submit, end = log.submit, log.end
    return Timing(
        submit_ns=submit.t_ns if submit else 0,
        token_ns=tuple(token.t_ns for token in log.tokens),
        prompt_tokens=end.prompt_tokens if end else 0,
        generated_tokens=end.generated_tokens if end else 0,
        depth_tokens=submit.depth if submit else 0,
        image_positions=log.image.positions if log.image else 0,
    )
