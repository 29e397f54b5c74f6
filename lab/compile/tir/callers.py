"""What TVMScript's parser asks of its callers' frames, without reading the source of each of them.

It looks for the parser around a macro, and for variables around a kernel, in all frames up to the first. `inspect`
reads the source of every one, and goes through all loaded modules for that: a third of the time of compiling a small
model, and more in a process that has loaded much. The frames themselves are enough.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Iterator
from types import FrameType
from typing import Any

from tvm.script.parser.core.parser import ScriptMacro
from tvm.tirx.script.parser import entry

WITH_SOURCE = 3  # of the innermost, the line is looked at: whether a kernel is defined in a class


def look_at_frames_alone() -> None:
    """Let macros and kernels be parsed so from now on; called again, it does nothing new."""
    ScriptMacro._find_parser_def = _parser_of
    entry.inspect = _Frames()


class _Frames:
    """The module `inspect`, but for its `stack`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(inspect, name)

    def stack(self) -> list[inspect.FrameInfo]:
        """Return the callers, innermost first, the first few of them with the line that they are at."""
        callers = list(_outwards(inspect.currentframe()))[1:]
        return [_told(frame, at < WITH_SOURCE) for at, frame in enumerate(callers)]


def _told(frame: FrameType, with_source: bool) -> inspect.FrameInfo:
    file, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, line) if with_source else ""
    return inspect.FrameInfo(frame, file, line, frame.f_code.co_name, [text] if text else None, None)


def _parser_of(macro: Any) -> Any:
    for frame in _outwards(inspect.currentframe()):
        parser = frame.f_globals.get(ScriptMacro.parser_object_name)
        if parser is not None:
            return parser
    raise RuntimeError(f"no parser among the callers of {macro.func.__name__}")


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
