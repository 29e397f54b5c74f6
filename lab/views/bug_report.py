"""Where the traceback of a bug is kept, whether a command or a screen met it."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback

from lab.core.terminal import harmless


def keep_traceback(error: BaseException) -> str:
    """Write the traceback to a file of its own and return the sentence that says where, or that it could not be."""
    text = "".join(traceback.format_exception(error))
    try:
        handle, name = tempfile.mkstemp(prefix="lab-bug-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(harmless(f"command: {sys.argv}\n\n{text}"))
    except OSError as problem:
        return f"Its traceback could not be written to {tempfile.gettempdir()} ({problem.strerror})."
    return f"Its traceback is in {name}."
