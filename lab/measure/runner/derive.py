"""From a run's time stamps to its numbers, by the definitions of the protocol.

The stamps are the runner's own, from one monotonic clock: submit, then one per generated token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.formats.test import Test


@dataclass(frozen=True)
class Timing:
    """What a runner said of one repetition. Counts are its own; `token_ns[0]` is the first new token."""

    submit_ns: int
    token_ns: tuple[int, ...]
    prompt_tokens: int
    generated_tokens: int
    depth_tokens: int = 0


@dataclass(frozen=True)
class Metrics:
    """The numbers of one repetition, in seconds and tokens per second.

    `ttft_s`: submit to first token. `ttst_s`: first to second token. `itl_s`: every gap between tokens in
    order, `len(token_ns) - 1` of them.
    """

    prefill_tok_per_s: float
    decode_tok_per_s: float
    ttft_s: float
    ttst_s: float
    itl_s: tuple[float, ...]


def why_rejected(cell: Test, timing: Timing) -> str | None:
    """Return why the row can't stand for `cell`, or None: counts must be equal and stamps must ascend."""
    return _wrong_count(cell, timing) or _wrong_clock(timing.submit_ns, timing.token_ns)


def metrics(cell: Test, timing: Timing) -> Metrics:
    """Return the numbers of a repetition that `why_rejected` finds nothing wrong with.

    prefill = prompt / (first token - submit): the model is loaded, the depth is in the cache already.
    decode = (generated - 1) / (last token - first token): the first token belongs to the prefill.
    """
    first, last = timing.token_ns[0], timing.token_ns[-1]
    ttft_s = _seconds(first - timing.submit_ns)
    itl_s = tuple(_seconds(late - early) for early, late in pairwise(timing.token_ns))
    return Metrics(
        prefill_tok_per_s=cell.prompt / ttft_s,
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
        ("time stamps", cell.generate, len(timing.token_ns)),
    )
    wrong = [f"{found} {what} instead of {asked}" for what, asked, found in counts if asked != found]
    return f"the runner counted {', '.join(wrong)}" if wrong else None


def _wrong_clock(submit_ns: int, token_ns: Sequence[int]) -> str | None:
    if token_ns[0] <= submit_ns:
        return "the first token is not stamped after the submit: the clock jumped"
    for index, (early, late) in enumerate(pairwise(token_ns), start=1):
        if late < early:
            return f"token {index} is stamped before token {index - 1}: the clock jumped"
    if token_ns[-1] == token_ns[0]:
        return "all tokens bear one time stamp: they came as one chunk, so the gaps are unknown"
    return None


def _seconds(ns: int) -> float:
    return ns / 1e9
