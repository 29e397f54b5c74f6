"""The marks around a command's own output, however the bytes of an account come."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.devices.link import Answer
from lab.devices.marked import MarkedLink
from lab.devices.marks import Marks, OwnOutput
from tests.devices.shell_link import ShellLink

TOKEN = "00ff00ff00ff00ff"
BEGIN, END = f"lab:{TOKEN}:begin\n".encode(), f"lab:{TOKEN}:end:".encode()
# Bytes in which pieces of marks are as frequent as any others.
NOISE = st.lists(
    st.sampled_from(
        [b"l", b"lab:", TOKEN.encode(), b":begin", b":end:", b"\n", b"\0", b"1", BEGIN[:-1], END, END + b"7"]
    )
    | st.binary(max_size=5)
).map(b"".join)


def taken(pieces: list[bytes]) -> tuple[bytes, OwnOutput]:
    got = bytearray()
    own = OwnOutput(Marks(TOKEN), got.extend)
    for piece in pieces:
        own.feed(piece)
    own.finish()
    return bytes(got), own


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[first:last] for first, last in pairwise(at)]


def is_plain(data: bytes) -> bool:
    return BEGIN not in data and not re.search(END + rb"\d{1,3}\n", data)


@settings(max_examples=200, deadline=None)
@given(NOISE, NOISE, NOISE, st.integers(0, 255), st.lists(st.integers(0, 10_000), max_size=8))
def test_the_own_bytes_are_taken_exactly(before: bytes, own: bytes, after: bytes, code: int, places: list[int]) -> None:
    if not (is_plain(before + b"lab") and is_plain(own + b"lab")):
        return
    got, output = taken(cut(before + BEGIN + own + END + b"%d\n" % code + after, places))
    assert got == own
    assert output.code == code
    assert output.after is bool(after.strip())


@settings(max_examples=100, deadline=None)
@given(NOISE, NOISE, st.lists(st.integers(0, 10_000), max_size=8))
def test_without_an_end_all_is_taken(before: bytes, own: bytes, places: list[int]) -> None:
    if is_plain(before + b"lab") and is_plain(own + b"lab"):
        got, output = taken(cut(before + BEGIN + own, places))
        assert (got, output.code) == (own, None)


def test_output_is_handed_on_as_it_comes() -> None:
    got: list[bytes] = []
    own = OwnOutput(Marks(TOKEN), got.append)
    for piece in (b"banner", BEGIN[:5], BEGIN[5:], b"a line\n", b"half of "):
        own.feed(piece)
    assert got == [b"a line\n", b"half of "]


@pytest.mark.parametrize("shell", ["dash", "bash", "bash --posix"])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("true", 0), ("exit 3", 3), ("false", 1), ("(exit 5)", 5), ("/nonexistent/x", 127), ("kill -15 $$", 143),
        ("exec sh -c 'exit 4'", 4), ("exec /nonexistent/x", 127), ("cat <<'E'\nE", 0), ("echo a # comment", 0),
    ],
)  # fmt: skip
def test_the_marks_change_nothing_of_a_command(shell: str, command: str, code: int) -> None:
    def run(text: str) -> tuple[bytes, bytes, int]:
        done = subprocess.run([*shell.split(), "-c", text], capture_output=True)
        return done.stdout, done.stderr, done.returncode if done.returncode >= 0 else 128 - done.returncode

    marks, got = Marks(TOKEN), bytearray()
    own = OwnOutput(marks, got.extend)
    stdout, stderr, told = run(marks.around(command))
    own.feed(stdout)
    own.finish()
    plain = run(command)
    assert (bytes(got), own.exit_code(told)) == (plain[0], plain[2]) == (plain[0], code)
    assert re.sub(rb"line \d+|\d+:", b"", own.stderr(stderr)) == re.sub(rb"line \d+|\d+:", b"", plain[1])
    assert own.after is False


def test_a_line_that_is_repeated_holds_no_mark() -> None:
    marks = Marks(TOKEN)
    line = marks.around("true").encode()
    assert marks.begin not in line + b"\n"
    assert END not in line


def test_marks_around_marks_change_nothing() -> None:
    """An emulated machine is a link around one that has marks."""
    link = MarkedLink(MarkedLink(ShellLink(), "inner"), "outer")
    answer = link.execute("cat; echo err >&2; exit 3", timeout_s=30, feed=[b"in"])
    assert answer == Answer(3, b"in", b"err\n")
    assert link.execute("exec sh -c 'echo out; exit 4'", timeout_s=30) == Answer(4, b"out\n", b"")
    link.close()
