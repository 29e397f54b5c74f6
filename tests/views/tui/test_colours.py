"""Colours: none where none are wanted, readable ones in a dark and a light theme, and no screen in a dumb terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.segment import Segment
from textual.color import Color

from lab.views.tui.app import LabApp
from tests.views.tui.driving import drive, press, small_store, stored

READABLE = 3.0  # contrast of text that is bold or repeats what a word says, by WCAG 2


@pytest.fixture(autouse=True)
def _stored(_terminal: None, tmp_path: Path) -> None:
    small_store()
    stored(8, cells=[])
    (tmp_path / "profiles" / "local" / "20261123T000000Z--phi3-mini-q4--20261123-000000-ffffff.json").write_text("{")


def drawn(app: LabApp) -> Iterator[Segment]:
    """What goes out to the terminal: every segment behind all filters."""
    width, height = app.size
    for strip in app.screen._compositor.render_strips()[:height]:
        line = strip.crop(0, width)
        for one in (one for one in app._filters if one.enabled):
            line = line.apply_filter(one, app.screen.background_colors[1])
        yield from line


@pytest.mark.parametrize("keys", [[], ["t"], ["t", "t"]], ids=["own", "dark", "light"])
def test_no_color_is_no_colour(monkeypatch: pytest.MonkeyPatch, keys: list[str]) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def play(app: LabApp, pilot: Any) -> None:
        await press(app, pilot, *keys)
        styles = [one.style for one in drawn(app) if one.style is not None]
        assert styles
        for style in styles:
            assert style.color is None or style.color.is_default
            assert style.bgcolor is None or style.bgcolor.is_default
        assert any(style.reverse for style in styles)  # the cursor is seen without any colour

    drive(play)


def test_an_empty_no_color_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")

    async def play(app: LabApp, pilot: Any) -> None:
        colours = {one.style.color.name for one in drawn(app) if one.style and one.style.color}
        assert colours - {"default"}

    drive(play)


@pytest.mark.parametrize("keys", [["t"], ["t", "t"]], ids=["dark", "light"])
def test_every_word_can_be_read_in_both_themes(keys: list[str]) -> None:
    async def play(app: LabApp, pilot: Any) -> None:
        for more in ([], ["enter"]):
            await press(app, pilot, *(more or keys))
            for one in drawn(app):
                style = one.style
                if style is None or not one.text.strip() or style.color is None or style.bgcolor is None:
                    continue
                if style.color.triplet is None or style.bgcolor.triplet is None or not any(map(str.isalnum, one.text)):
                    continue
                text, ground = (Color(*colour.triplet) for colour in (style.color, style.bgcolor))
                assert _contrast(text, ground) >= READABLE, (one.text, style)

    drive(play, size=(120, 40))


def _contrast(a: Color, b: Color) -> float:
    light, dark = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Color) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_by_default_the_colours_are_the_sixteen_of_the_terminal() -> None:
    async def play(app: LabApp, pilot: Any) -> None:
        for one in drawn(app):
            for colour in (one.style and one.style.color, one.style and one.style.bgcolor):
                assert not colour or colour.is_default or (colour.number is not None and colour.number < 16), one

    drive(play)


def test_a_dumb_terminal_gets_what_once_prints(tmp_path: Path) -> None:
    plain, once = (on_a_dumb_terminal(tmp_path, "dash", *options) for options in ([], ["--once"]))
    assert plain == once
    assert b"\x1b" not in plain
    assert b"Overview" in plain


def test_a_dumb_terminal_gets_the_commands_of_a_demo(tmp_path: Path) -> None:
    text = on_a_dumb_terminal(tmp_path, "demo", "lab-demo")
    assert b"lab dash" in text
    assert b"\x1b" not in text


def on_a_dumb_terminal(folder: Path, *argv: str) -> bytes:
    """Return what a command that ends with 0 prints on it."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "lab", *argv]
    done = subprocess.Popen(command, stdin=theirs, stdout=theirs, env={**os.environ, "TERM": "dumb"}, cwd=folder)
    os.close(theirs)
    text = b""
    while chunk := _read(ours):
        text += chunk
    assert done.wait(60) == 0
    os.close(ours)
    return text


def test_a_terminal_that_vanished_ends_the_application(tmp_path: Path) -> None:
    """Without SIGHUP, as of a closed window whose shell kept running: reading finds the end again and again."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "lab", "dash"]
    environment = {**os.environ, "TERM": "xterm", "LAB_HOME": str(tmp_path)}
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    running = subprocess.Popen(command, **streams, env=environment, cwd=tmp_path, start_new_session=True)
    os.close(theirs)
    try:
        text = b""
        while b"quit" not in text and select.select([ours], [], [], 30)[0] and (chunk := _read(ours)):
            text += chunk
        assert b"quit" in text
        os.close(ours)
        assert running.wait(20) != 0
    finally:
        running.kill()
        running.wait()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other end is closed
        return b""
