"""Saying what is being done, and how long it has taken so far: again every few seconds where it takes long."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

AGAIN_S = 10.0


class Say:
    """Prints a line to standard error for each step, and a line on how far it is while the step goes on.

    Use as a context: after its end nothing more is printed.
    """

    def __init__(self, image: str, again_s: float = AGAIN_S) -> None:
        self._image, self._again_s = image, again_s
        self._began = self._step_began = time.monotonic()
        self._text = self._far = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._remind, name="lab-image-progress", daemon=True)

    def __call__(self, text: str) -> None:
        """Say that the next step begins."""
        self._step_began, self._text, self._far = time.monotonic(), text, ""
        self._print(text)

    def far(self, done: int, of: int, what: str) -> None:
        """Note how far the step is, for the next line."""
        self._far = f", {done} of {of} {what}"

    def __enter__(self) -> Say:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _remind(self) -> None:
        while not self._ended.wait(self._again_s):
            spent_s = time.monotonic() - self._step_began
            if self._text and spent_s >= self._again_s:
                self._print(f"{self._text}: {spent_s:.0f} s so far{self._far}")

    def _print(self, text: str) -> None:
        print(f"[{time.monotonic() - self._began:4.0f} s] {self._image}: {text}", file=sys.stderr, flush=True)
