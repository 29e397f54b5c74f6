"""What TVMScript's parser is told of its callers is what `inspect` would tell it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from tvm.script import tirx
from tvm.tirx.script.parser import entry

from lab.compile.tir import callers
from lab.compile.tir import vec as vec  # who imports it has asked for that


@tirx.inline
def nothing() -> Any:
    tirx.evaluate(0)


def both() -> tuple[list[inspect.FrameInfo], list[inspect.FrameInfo]]:
    return (entry.inspect.stack(), inspect.stack())


def test_the_frames_are_those_of_inspect() -> None:
    ours, theirs = both()
    assert isinstance(entry.inspect, callers._Frames)
    assert [(one.frame, one.filename, one.lineno, one.function) for one in ours] == [
        (one.frame, one.filename, one.lineno, one.function) for one in theirs
    ]
    first = callers.WITH_SOURCE
    assert [one.code_context for one in ours[:first]] == [one.code_context for one in theirs[:first]]


def test_a_macro_without_a_kernel_around_it_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no parser among the callers of nothing"):
        nothing()
