"""What one `lab-bench run` said, gathered in the only order that makes sense."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lab.core.errors import MeasureError
from lab.ondevice.events import (
    CLASSES,
    MAX_TOKENS,
    PROTOCOL,
    Broken,
    End,
    Error,
    Event,
    Image,
    Loaded,
    Memory,
    Start,
    Submit,
    Token,
    Verify,
    Warm,
    Warmup,
    decode_line,
)
from lab.ondevice.gpu_events import GpuDid

MAX_WARMUPS = 1000

# What may come after what; the last of a run is one of FINAL.
_AFTER: dict[type[Any] | None, tuple[type[Any], ...]] = {
    None: (Start,),
    Start: (Loaded, Error),
    Loaded: (Verify, Warmup, Warm, Memory, Error),
    Verify: (Broken, Warmup, Warm, Memory, Error),
    Warmup: (Warmup, Warm, Memory, Error),
    Warm: (Image, Submit, Memory, Error),
    Image: (Submit, Memory, Error),
    Submit: (Token, Memory, Error),
    Token: (Token, Memory, Error),
    Memory: (GpuDid, End, Error),
    GpuDid: (End, Error),
    Broken: (),
    End: (),
    Error: (),
}
FINAL = (End, Broken, Error)
NAMES = {cls: name for name, cls in CLASSES.items()}


class RunLog:
    """Takes the lines of one run as they come; each is checked before it is believed.

    After the last line the parts are `start`, `loaded`, `verify`, `warmups`, `warm`, `image`, `submit`, `tokens`,
    `memory`, `gpu` and `end`, `broken` or `error`; what was never said is None (a killed runner says less).
    """

    def __init__(self, on_event: Callable[[Event], None] | None = None) -> None:
        self.start: Start | None = None
        self.loaded: Loaded | None = None
        self.verify: Verify | None = None
        self.broken: Broken | None = None
        self.warm: Warm | None = None
        self.image: Image | None = None
        self.submit: Submit | None = None
        self.memory: Memory | None = None
        self.gpu: GpuDid | None = None
        self.end: End | None = None
        self.error: Error | None = None
        self.warmups: list[Warmup] = []
        self.tokens: list[Token] = []
        self._on_event = on_event
        self._last: type[Any] | None = None
        self._last_ns = 0
        self._lines = 0

    def feed(self, line: str) -> Event:
        """Take one line; MeasureError names it when it is not an event, or not one that may come now."""
        self._lines += 1
        event = decode_line(line, self._lines)
        self._check_order(event)
        self._check_clock(event)
        self._keep(event)
        if self._on_event is not None:
            self._on_event(event)
        return event

    @property
    def is_complete(self) -> bool:
        """Whether the runner got to say how it ended."""
        return self._last in FINAL

    def _fail(self, problem: str) -> MeasureError:
        return MeasureError(f"runner output line {self._lines}: {problem}")

    def _check_order(self, event: Event) -> None:
        if not isinstance(event, _AFTER[self._last]):
            before = "the beginning" if self._last is None else NAMES[self._last]
            raise self._fail(f"{NAMES[type(event)]} cannot come after {before}")
        if isinstance(event, Start) and event.protocol != PROTOCOL:
            raise self._fail(f"protocol {event.protocol}, but this lab speaks {PROTOCOL}")
        if isinstance(event, Token):
            self._check_number("token", event.i, len(self.tokens), MAX_TOKENS)
        if isinstance(event, Warmup):
            self._check_number("warmup", event.index, len(self.warmups), MAX_WARMUPS)
        self._check_counts(event)

    def _check_counts(self, event: Event) -> None:
        if isinstance(event, Warm) and event.count != len(self.warmups):
            raise self._fail(f"warm after {event.count} rounds, but {len(self.warmups)} were reported")
        judged = isinstance(event, End) and event.generated_tokens == 0 and len(self.tokens) == 1  # its one answer
        if isinstance(event, End) and event.generated_tokens != len(self.tokens) and not judged:
            raise self._fail(f"{event.generated_tokens} tokens generated, but {len(self.tokens)} were reported")
        if isinstance(event, Broken) and (self.verify is None or self.verify.passed):
            raise self._fail("broken without a failed verify")
        if self.verify is not None and not self.verify.passed and not isinstance(event, (Broken, Error)):
            raise self._fail("goes on after a failed verify")

    def _check_number(self, what: str, number: int, expected: int, limit: int) -> None:
        if number != expected:
            raise self._fail(f"{what} {number}, but {expected} is next")
        if number >= limit:
            raise self._fail(f"more than {limit} {what} events")

    def _check_clock(self, event: Event) -> None:
        t_ns = getattr(event, "t_ns", None)
        if t_ns is None:
            return
        if t_ns < self._last_ns:
            raise self._fail(f"the clock went back: {t_ns} after {self._last_ns}")
        self._last_ns = t_ns

    def _keep(self, event: Event) -> None:
        self._last = type(event)
        if isinstance(event, Token):
            self.tokens.append(event)
        elif isinstance(event, Warmup):
            self.warmups.append(event)
        else:
            setattr(self, NAMES[type(event)], event)


def read_run(lines: Iterable[str]) -> RunLog:
    """Return the log of a whole run from its lines; MeasureError for the first one that is wrong."""
    log = RunLog()
    for line in lines:
        log.feed(line)
    return log
