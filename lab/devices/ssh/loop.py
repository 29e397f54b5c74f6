"""An event loop in a thread of its own, which asyncssh lives in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

END_S, POLL_S = 2.0, 0.01
T = TypeVar("T")


class _Loop(asyncio.SelectorEventLoop):
    """A loop that knows which programs were started in it: those of ProxyCommand."""

    def __init__(self) -> None:
        super().__init__()
        self._programs: list[asyncio.SubprocessTransport] = []

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        """Start a program, and remember it."""
        transport, protocol = await super().subprocess_exec(*args, **options)
        self._programs.append(transport)
        return transport, protocol

    async def end_programs(self) -> None:
        """End every program, and wait until it was seen to end: its exit is told to the loop, which must be there."""
        for transport in self._programs:
            transport.close()
        deadline = self.time() + END_S
        while any(one.get_returncode() is None for one in self._programs) and self.time() < deadline:
            await asyncio.sleep(POLL_S)


class LoopThread:
    """Runs coroutines for other threads until it is closed."""

    def __init__(self) -> None:
        self._loop = _Loop()
        self._gate = threading.Lock()
        self._closing = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab-ssh", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine; its result comes by the future, which is cancelled when the loop closes."""
        with self._gate:
            if self._closing:
                work.close()
                closed: Future[T] = Future()
                closed.cancel()
                return closed
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def post(self, call: Callable[..., object], *args: object) -> None:
        """Have the loop call a function soon; nothing happens when it is closed."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)

    def close(self) -> None:
        """Cancel what runs, and end the thread."""
        with self._gate:
            self._closing = True
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
        asyncio.run_coroutine_threadsafe(self._loop.end_programs(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()  # the threads that look names up
