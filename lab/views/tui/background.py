"""Work beside the screen, which therefore never waits, and whether there is a screen still."""

from __future__ import annotations

import asyncio
import contextlib
import select
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TextIO, TypeVar, cast

from textual.dom import DOMNode

Found = TypeVar("Found")


class Background:
    """Work that starts now in a thread of its own, and can be awaited later, from any loop.

    The thread is a daemon: leaving the application does not wait for a store that is slow to read.
    """

    def __init__(self, work: Callable[[], Found]) -> None:
        self._done = threading.Event()
        self._waiting: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._result: object = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, args=(work,), daemon=True).start()

    def _run(self, work: Callable[[], object]) -> None:
        try:
            self._result = work()
        except BaseException as error:  # handed to whoever waits for it
            self._error = error
        with self._lock:
            self._done.set()
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    async def wait(self) -> object:
        """Return what the work returned, or raise what it raised."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(ready.set)

        with self._lock:
            if not self._done.is_set():
                self._waiting.append(wake)
            else:
                ready.set()
        await ready.wait()
        if self._error is not None:
            raise self._error
        return self._result


def start(
    node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str = "default", exclusive: bool = False
) -> None:
    """Start `work` on the screen's own loop. As a function: a coroutine that is given up unstarted is warned about."""
    node.run_worker(cast(Any, work), group=group, exclusive=exclusive)


async def in_background(work: Callable[[], Found]) -> Found:
    """Return what `work` returns, run in a thread."""
    found: Found = await Background(work).wait()  # type: ignore[assignment]
    return found


def has_hung_up(stream: TextIO | None) -> bool:
    """Whether the other end of the terminal is closed."""
    if stream is None or not hasattr(select, "poll"):
        return False
    asked = select.poll()
    try:
        asked.register(stream.fileno(), 0)
        return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in asked.poll(0))
    except (OSError, ValueError):  # it is closed on our side
        return True
