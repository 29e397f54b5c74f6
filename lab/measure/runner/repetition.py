"""From what a runner said to one repetition of a record."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import Any

from lab.formats.run_record import Repetition, WarmUp
from lab.formats.test import Test
from lab.measure.attempt import Attempt
from lab.measure.conditions.surroundings import Surroundings
from lab.measure.conditions.throttle import judge
from lab.measure.runner.derive import Timing, metrics, why_rejected
from lab.ondevice.run_log import RunLog


def repetition(cell: Test, threads: int, verify: bool, log: RunLog, how: Attempt, around: Surroundings) -> Repetition:
    """Return the repetition: with numbers when it is whole, else with a reason (and stamps, if not broken)."""
    row = replace(around.bare(), **_raw(log))
    if how.ending == "broken":
        return replace(row, status="broken", reason=how.reason, submit_ns=None, token_ns=None)
    if how.ending != "whole":
        blame = {"by_device": True} if how.by_device else {}
        said = {"error": how.said} if how.said else {}
        return replace(row, status=how.ending, reason=how.reason, extra={**row.extra, **blame, **said})
    if verify and log.verify is None:
        return replace(row, status="failed", reason="the runner did not verify the bundle, though asked to")
    timing = timing_of(log)
    reason = why_rejected(cell, timing)
    if reason is not None:
        return replace(row, status="rejected", reason=reason)
    return _with_numbers(row, cell, threads, timing)


def interrupted(log: RunLog, around: Surroundings) -> Repetition:
    """Return the repetition that Ctrl-C ended: what was stamped by then, and no numbers."""
    return replace(around.bare(), **_raw(log), status="interrupted", reason="stopped by Ctrl-C")


def _with_numbers(row: Repetition, cell: Test, threads: int, timing: Timing) -> Repetition:
    numbers = metrics(cell, timing)
    context = cell.depth + cell.prompt
    throttled, reason = judge(row.state_before, row.state_during, threads, numbers.itl_s, context)
    return replace(row, **asdict(numbers), throttled=throttled, extra={**row.extra, "throttled_reason": reason})


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
        "tokens_sha256": _tokens_sha256(log) if log.end else None,
    }


def _tokens_sha256(log: RunLog) -> str:
    """Return the digest of the generated ids, as decimal numbers with a comma between each two."""
    return hashlib.sha256(",".join(str(token.id) for token in log.tokens).encode()).hexdigest()


def _warmup(log: RunLog) -> WarmUp | None:
    if log.warm is None:
        return None
    steps = tuple(ns / 1e9 for round_ in log.warmups for ns in round_.decode_ns)
    prefills = [round_.prefill_ns / 1e9 for round_ in log.warmups]
    return WarmUp(log.warm.count, log.warm.stable, steps, extra={"prefill_s": prefills})


def timing_of(log: RunLog) -> Timing:
    """Return the stamps and counts of a run as the runner gave them."""
    submit, end = log.submit, log.end
    return Timing(
        submit_ns=submit.t_ns if submit else 0,
        token_ns=tuple(token.t_ns for token in log.tokens),
        prompt_tokens=end.prompt_tokens if end else 0,
        generated_tokens=end.generated_tokens if end else 0,
        depth_tokens=submit.depth if submit else 0,
    )
