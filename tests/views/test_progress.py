from __future__ import annotations

import io
import json

import pytest

from lab.views.progress import JsonProgress, PlainProgress, progress_on
from lab.views.progress.live import LiveProgress
from lab.views.progress.time_left import time_left


class Clock:
    """A clock that goes on by `step` seconds each time it is asked."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def lines_of(step_s: float, amounts: list[float], total: float | None = 100.0) -> list[str]:
    out = io.StringIO()
    progress = PlainProgress(out, Clock(step_s))
    with progress.phase("convert", total, "B") as advance:
        for amount in amounts:
            advance(amount)
    return out.getvalue().splitlines()


def shares(lines: list[str]) -> list[str]:
    return [line.partition(",")[0] for line in lines[1:-1]]


def test_a_slow_phase_says_each_tenth_once() -> None:
    lines = lines_of(10.0, [1.0] * 100)
    assert lines[0] == "convert ..."
    assert shares(lines) == [f"convert: {share} %" for share in range(10, 100, 10)]
    assert lines[-1].startswith("convert: done in ")


def test_a_quick_phase_says_only_that_it_was_there() -> None:
    assert len(lines_of(0.001, [1.0] * 100)) == 2


def test_a_jump_over_several_tenths_is_one_line() -> None:
    assert shares(lines_of(10.0, [55.0, 1.0, 44.0])) == ["convert: 50 %", "convert: 90 %"]


def test_tenths_are_not_lost_to_rounding() -> None:
    assert shares(lines_of(10.0, [0.1] * 1000)) == [f"convert: {share} %" for share in range(10, 100, 10)]


def test_a_slow_phase_says_how_long_the_rest_takes() -> None:
    assert all("about " in line and line.endswith(" left") for line in lines_of(10.0, [1.0] * 100)[1:-1])


def test_a_pipe_is_told_what_it_waits_for_once_in_a_while() -> None:
    out = io.StringIO()
    progress = PlainProgress(out, Clock(1.0))
    for _ in range(100):
        progress.now("CPU 45 % busy, waiting up to 15 s")
        progress.now("")
    lines = out.getvalue().splitlines()
    assert set(lines) == {"CPU 45 % busy, waiting up to 15 s"}
    assert 5 <= len(lines) <= 20


def test_a_pipe_is_not_told_what_ends_at_once() -> None:
    out = io.StringIO()
    progress = PlainProgress(out, Clock(0.1))
    for _ in range(50):
        progress.note("line")
        progress.now("CPU 45 % busy")
    assert set(out.getvalue().splitlines()) == {"line"}


def test_another_program_is_told_what_it_is_at() -> None:
    out = io.StringIO()
    JsonProgress(out).now("warming up")
    assert json.loads(out.getvalue()) == {"now": "warming up"}


def test_a_terminal_shows_what_it_is_at_below_the_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    out = Terminal()
    with LiveProgress(out) as progress:
        with progress.phase("measure", 5, "repetitions"):
            progress.now("CPU 45 % busy, waiting up to 15 s \x1b[2J" + "x" * 100)
            progress._bars.refresh()
        shown = out.getvalue()
        with progress.phase("memory pass"):
            progress._bars.refresh()
    assert "CPU 45 % busy, waiting up to 15 s" in shown
    assert "\x1b[2J" not in shown
    assert "x" * 60 not in shown  # one line, cut at the edge
    assert "CPU 45 % busy" not in out.getvalue()[len(shown) + 200 :]


def test_a_terminal_shows_how_long_it_has_been_at_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is timed reports nothing until it is over: that it goes on is seen by the seconds."""
    monkeypatch.setenv("TERM", "xterm")
    seconds = [0.0]
    monkeypatch.setattr("lab.views.progress.live.time.monotonic", lambda: seconds[0])
    out = Terminal()
    with LiveProgress(out) as progress, progress.phase("measure", 5, "repetitions"):
        progress.now("timing 512 + 128 tokens, about 11 s as the last time")
        seconds[0] = 1.0
        progress._bars.refresh()
        assert "so far" not in out.getvalue()
        seconds[0] = 7.0
        progress._bars.refresh()
    assert "7 s so far: timing 512 + 128 tokens, about 11 s as the last time" in out.getvalue()


def test_without_a_total_there_is_no_share() -> None:
    assert len(lines_of(10.0, [1.0] * 5, None)) == 2


@pytest.mark.parametrize(
    ("done", "total", "took_s", "elapsed_s", "words"),
    [
        (0, 3, 0.0, 20.0, ""),  # no pace yet
        (1, 3, 37.0, 37.0, "about 1 min 14 s left"),
        (1, 3, 37.0, 57.0, "about 54 s left"),  # it counts down between two steps
        (2, 3, 74.0, 120.0, "about 0 s left"),  # the last one is late
        (1, 1000, 1.0, 4.0, ""),
        (5, None, 5.0, 9.0, ""),
    ],
)
def test_what_is_left_follows_the_pace(
    done: float, total: float | None, took_s: float, elapsed_s: float, words: str
) -> None:
    assert time_left(done, total, took_s, elapsed_s) == words


def test_a_phase_that_fails_says_that_it_stopped() -> None:
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt), PlainProgress(out).phase("measure"):
        raise KeyboardInterrupt
    assert out.getvalue().splitlines()[-1].startswith("measure: stopped after ")


def test_a_pipe_gets_plain_lines() -> None:
    out = io.StringIO()
    with progress_on(out) as progress:
        progress.note("hello")
        with progress.phase("compile"):
            pass
    assert out.getvalue().splitlines()[:2] == ["hello", "compile ..."]
    assert "\x1b" not in out.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_given_back_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()

    def work() -> None:
        with progress_on(out) as progress, progress.phase("convert", 10, "B") as advance:
            advance(5)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    text = out.getvalue()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") > 0  # the cursor is hidden and shown again
    assert "stopped" in text


def test_phases_inside_phases_show_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with progress_on(out) as progress, progress.phase("outer", 2) as advance:
        with progress.phase("inner"):
            advance(1)
        progress.note("between")
    text = out.getvalue()
    assert text.index("inner") < text.index("between") < text.rindex("outer")


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    with progress_on(out) as progress, progress.phase("convert"):
        pass
    assert "\x1b" not in out.getvalue()
