"""How TVMScript finds its parser from a macro: in the callers' frames, of which it also reads the source each time.

The frames alone are enough. What it read took a third of the time of compiling a small model, and more in deep stacks.
"""

from __future__ import annotations

import inspect
from typing import Any

from tvm.script.parser.core.parser import ScriptMacro


def look_at_frames_alone() -> None:
    """Let every macro find its parser without reading anybody's source; called again, it does nothing new."""
    ScriptMacro._find_parser_def = _parser_of


def _parser_of(macro: Any) -> Any:
    frame = inspect.currentframe()
    while frame is not None:
        parser = frame.f_globals.get(ScriptMacro.parser_object_name)
        if parser is not None:
            return parser
        frame = frame.f_back
    raise RuntimeError(f"no parser among the callers of {macro.func.__name__}")
