"""A made-up history with known signals in it, from a fixed seed: what every session of every line measured.

A line is one target, model and engine that is measured over and over. Session medians are a level times noise that
is heavy-tailed (Student's t, 4 degrees of freedom), autocorrelated and drifts with the season, at a CV of 1 to 4 %
by target. Into every sixth line a step is planted; some cells fail, the last line's deep one in the newest sessions.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

TARGETS = ("pixel8", "galaxy-s24", "iphone15", "macbook-m3", "orin-nano", "rpi5", "box-avx512", "emulated-phone")
MODELS = ("phi3-mini-q4", "phi3-mini-q8", "phi3-medium-q4")
ENGINES = ("tvm", "llama.cpp")
SHAPES = ((128, 32, 0), (128, 32, 512))  # prompt, generate, depth
METRICS = ("prefill_tok_per_s", "decode_tok_per_s", "ttft_s", "load_s", "rss_peak_bytes")
LEVELS = np.array([400.0, 20.0, 0.4, 2.5, 2.4e9])  # of the first line
AT_DEPTH = np.array([[1.0] * 5, [0.94, 0.9, 1 / 0.94, 1.0, 1.08]])  # [C, M] of the level: attention reads the cache
IS_RATE = np.array([name.endswith("_per_s") for name in METRICS])
QUIET = np.array([0.05 if name == "rss_peak_bytes" else 1.0 for name in METRICS])  # memory hardly varies
MIN_SESSIONS = 60
DEMO = "demo-"  # begins the name of each made-up target that a user sees: so every screen says what it shows
DEMO_TARGETS = ("pixel8", "galaxy-s24", "macbook-m3", "rpi5")
DEMO_SESSIONS = 44
LAST = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
AUTOCORRELATION = 0.4
FAILED_SHARE = 0.004
STEP_AT = 0.6  # of the history
STEPS = (  # metric, after / before: for one of the chosen lines after the other
    ("decode_tok_per_s", 0.92),
    ("ttft_s", 1.12),
    ("rss_peak_bytes", 1.10),
    ("decode_tok_per_s", 1.07),
    ("prefill_tok_per_s", 0.85),
)


@dataclass(frozen=True)
class Line:
    """What is measured over and over."""

    target: str
    model: str
    engine: str


@dataclass(frozen=True)
class Planted:
    """From `session` on, `metric` of every cell of the line is `ratio` times what it was."""

    line: Line
    metric: str
    session: int
    ratio: float


@dataclass(frozen=True, kw_only=True)
class World:
    """All of it: [L] lines, [S] sessions, [C] cells of SHAPES, [M] METRICS."""

    lines: tuple[Line, ...]
    sessions: int
    values: NDArray[np.float64]  # [L, S, C, M] session medians
    spread: NDArray[np.float64]  # [L, S, C] how far the outer two of three repetitions are off, a fraction
    failed: NDArray[np.bool_]  # [L, S, C]
    planted: tuple[Planted, ...]
    gaps: int = 8  # between tokens, in the record of a repetition

    def runs(self) -> list[tuple[int, int]]:
        """Every run as (session, line), oldest first."""
        return list(itertools.product(range(self.sessions), range(len(self.lines))))

    def at(self, session: int, line: int) -> datetime:
        """When a run began: one session of each line a day, lines twenty minutes apart."""
        return LAST - timedelta(days=self.sessions - 1 - session) + timedelta(minutes=20 * line)


def world(runs: int, seed: int = 0) -> World:
    """Return a history of about `runs` runs (never more), with 60 sessions a line or more where there are as many."""
    every = [Line(*one) for one in itertools.product(TARGETS, MODELS, ENGINES)]
    lines = tuple(every[: max(1, min(len(every), runs // MIN_SESSIONS))])
    return world_of(lines, max(1, runs // len(lines)), seed)


def demo_world() -> World:
    """Return the history that `lab demo` shows: few lines, a step in every second one, and gaps as a run has them."""
    lines = [Line(f"{DEMO}{target}", model, "tvm") for target in DEMO_TARGETS for model in MODELS[:2]]
    lines += [Line(f"{DEMO}{target}", MODELS[0], "llama.cpp") for target in DEMO_TARGETS[::2]]
    return world_of(tuple(lines), DEMO_SESSIONS, seed=5, step_every=2, gaps=31)


def world_of(lines: tuple[Line, ...], sessions: int, seed: int, *, step_every: int = 6, gaps: int = 8) -> World:
    """Return so many sessions of each line, with a step in the first and then in every `step_every`-th of them."""
    draw = np.random.default_rng(seed)
    planted = _planted(lines[::step_every], sessions)
    shape = (len(lines), sessions, len(SHAPES))
    values = _values(draw, lines, sessions, planted)
    spread = 0.002 + 0.002 * np.abs(draw.standard_normal(shape))
    failed = draw.random(shape) < FAILED_SHARE
    failed[-1, -3:, -1] = sessions > 3  # of a first run nothing failed
    return World(
        lines=lines,
        sessions=sessions,
        values=values,
        spread=spread,
        failed=failed,
        planted=planted,
        gaps=gaps,
    )


def level_of(line: Line) -> NDArray[np.float64]:
    """Return what the line measures before any step and without noise -> [M]."""
    speed = 1 / (1 + 0.3 * _place(line)) / (1 + MODELS.index(line.model)) / (1 + 0.2 * ENGINES.index(line.engine))
    return np.asarray(np.where(IS_RATE, LEVELS * speed, LEVELS / speed), np.float64)


def run_id(at: datetime, number: int) -> str:
    """Return the id of the run with this place in the history."""
    return f"{at:%Y%m%d-%H%M%S}-{number % 0x1000000:06x}"


def commit(session: int) -> str:
    """Return the revision that a session measured: one a day."""
    return hashlib.sha1(f"commit {session}".encode()).hexdigest()


def tags(session: int) -> tuple[str, ...]:
    """Return the tags of a session's runs: a release every fifty days."""
    return (f"release-{session // 50}",) if session % 50 == 0 else ()


def _planted(lines: tuple[Line, ...], sessions: int) -> tuple[Planted, ...]:
    at = int(sessions * STEP_AT)
    steps = zip(lines, itertools.cycle(STEPS), strict=False)
    return tuple(Planted(line, metric, at, ratio) for line, (metric, ratio) in steps)


def _values(
    draw: np.random.Generator, lines: tuple[Line, ...], sessions: int, planted: tuple[Planted, ...]
) -> NDArray[np.float64]:
    values = np.stack([_of_line(draw, line, sessions) for line in lines])
    for one in planted:
        values[lines.index(one.line), one.session :, :, METRICS.index(one.metric)] *= one.ratio
    return values


def _of_line(draw: np.random.Generator, line: Line, sessions: int) -> NDArray[np.float64]:
    """-> [S, C, M]."""
    cv = 0.01 + 0.03 * _place(line) / (len(TARGETS) - 1)
    season = np.sin(np.arange(sessions) * 2 * np.pi / 90)[:, None, None]
    noise = cv * QUIET * (_noise(draw, sessions) + 0.5 * season)
    return np.asarray(level_of(line) * AT_DEPTH * np.exp(noise), np.float64)


def _place(line: Line) -> int:
    return TARGETS.index(line.target.removeprefix(DEMO))


def _noise(draw: np.random.Generator, sessions: int) -> NDArray[np.float64]:
    """Noise of unit variance -> [S, C, M]: first-order autoregression of Student's t."""
    shocks = draw.standard_t(4, (sessions, len(SHAPES), len(METRICS))) * np.sqrt((1 - AUTOCORRELATION**2) / 2)
    for session in range(1, sessions):
        shocks[session] += AUTOCORRELATION * shocks[session - 1]
    return np.asarray(shocks, np.float64)
