"""Long text on a terminal goes to a pager, which a terminal of our own stands in for here; a pipe gets it at once."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.cli.output import print_paged
from lab.core.terminal import Rendered

LONG = "".join(f"line {number}\n" for number in range(40))


@pytest.fixture(autouse=True)
def no_pager_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_PAGER", raising=False)


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """stdin and stdout are a terminal of 10 lines; yields the file descriptor of its other end."""
    outside, inside = pty.openpty()
    for name, value in (("LINES", "10"), ("COLUMNS", "80"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    with os.fdopen(os.dup(inside), "rb", 0) as keys, os.fdopen(inside, "w", encoding="utf-8") as out:
        monkeypatch.setattr(sys, "stdin", keys)
        monkeypatch.setattr(sys, "stdout", out)
        yield outside
    monkeypatch.undo()
    os.close(outside)


def keeper(folder: Path, name: str) -> tuple[str, Path]:
    """A pager that keeps what it is given, and where."""
    kept = folder / f"{name}.kept"
    script = folder / name
    script.write_text(f"#!/bin/sh\ncat > '{kept}'\n")
    script.chmod(0o755)
    return str(script), kept


def test_text_that_is_taller_than_the_terminal_goes_to_the_pager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pager, kept = keeper(tmp_path, "users")
    monkeypatch.setenv("PAGER", pager)
    with terminal(monkeypatch):
        print_paged(LONG)
    assert kept.read_text() == LONG


def test_lab_pager_comes_before_pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (users, not_kept), (labs, kept) = keeper(tmp_path, "users"), keeper(tmp_path, "labs")
    monkeypatch.setenv("PAGER", users)
    monkeypatch.setenv("LAB_PAGER", labs)
    with terminal(monkeypatch):
        print_paged(LONG)
        assert os.environ["PAGER"] == users
    assert kept.read_text() == LONG
    assert not not_kept.exists()


@pytest.mark.parametrize("rendered", [True, False])
def test_what_a_record_says_reaches_no_pager_raw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rendered: bool
) -> None:
    pager, kept = keeper(tmp_path, "users")
    monkeypatch.setenv("PAGER", pager)
    text = "\x1b[1mtitle\x1b[0m\n" + LONG
    with terminal(monkeypatch):
        print_paged(Rendered(text) if rendered else text)
    assert "\x1b" not in kept.read_text()  # that pager has not said that it takes colours
    assert ("?[1m" in kept.read_text()) != rendered


@pytest.mark.parametrize(("text", "pager"), [("short\n", None), (LONG, ""), (LONG, "cat")])
def test_short_text_and_an_empty_pager_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, pager: str | None
) -> None:
    users, kept = keeper(tmp_path, "users")
    monkeypatch.setenv("PAGER", users)
    if pager is not None:
        monkeypatch.setenv("LAB_PAGER", pager)
    with terminal(monkeypatch) as outside:
        print_paged(text)
        seen = ""
        while len(seen.replace("\r\n", "\n")) < len(text):  # a terminal gives what it has got so far
            seen += os.read(outside, 4096).decode()
    assert seen.replace("\r\n", "\n") == text
    assert not kept.exists()


def test_a_pipe_gets_the_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "false")
    print_paged(LONG)
    assert capsys.readouterr().out == LONG
