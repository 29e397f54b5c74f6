"""Where llama-bench is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.core.errors import MeasureError

VARIABLE = "LAB_LLAMA_BENCH"
PROGRAM = "llama-bench"
_HINT = f"scripts/build-llama-bench builds one and says where it is; then set {VARIABLE} to it (docs/peers.md)"


def find_llama_bench() -> Path:
    """Return the program that $LAB_LLAMA_BENCH names, else the one on PATH; MeasureError when there is none."""
    named = os.environ.get(VARIABLE)
    found = shutil.which(named or PROGRAM)
    if found is not None:
        return Path(found).absolute()
    if named:
        raise MeasureError(f"{VARIABLE} is {named!r}, which is no program that can be started", hint=_HINT)
    raise MeasureError(
        f"engine llama.cpp needs {PROGRAM}: {VARIABLE} is not set, and no program {PROGRAM} is on PATH", hint=_HINT
    )
