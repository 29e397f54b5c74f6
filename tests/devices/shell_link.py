"""A link to this machine's own shell: the smallest transport there can be, and one whose faults a test chooses."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from lab.core.errors import DeviceUnreachableError
from lab.devices.link import Answer, LinkTimeoutError
from lab.devices.remote.device import RemoteDevice
from lab.formats.target import TargetSpec
from lab.formats.transports import DeviceSpec


class ShellLink:
    """Runs `/bin/sh -c`. `cut_after` bytes of what is fed the connection is lost, once."""

    PATH = os.environ["PATH"]

    def __init__(self, path: str | None = None, cut_after: int | None = None) -> None:
        self.env = {**os.environ, "PATH": path or self.PATH}
        self.cut_after = cut_after
        self.fed_bytes = 0
        self.commands: list[str] = []
        self._left: list[subprocess.Popen[bytes]] = []
        self.change: Callable[[bytes], bytes] = lambda chunk: chunk

    def facts(self) -> dict[str, Any]:
        return {"link": "the shell of this machine"}

    def execute(
        self,
        command: str,
        *,
        timeout_s: float,
        stall_s: float | None = None,
        feed: Iterable[bytes] | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
    ) -> Answer:
        self.commands.append(command)
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        errors: list[bytes] = []
        reader = threading.Thread(target=_read_all, args=(process.stderr, errors))
        reader.start()
        lost: list[DeviceUnreachableError] = []
        feeder = threading.Thread(target=self._feed, args=(process, feed or (), lost))
        feeder.start()
        deadline, kept = time.monotonic() + timeout_s, bytearray()
        take = on_stdout or kept.extend
        try:
            while chunk := _read(process.stdout.fileno(), deadline):
                take(chunk)
            code = process.wait(max(0.1, deadline - time.monotonic()))
            feeder.join()
            reader.join()
        except (TimeoutError, subprocess.TimeoutExpired) as problem:
            raise LinkTimeoutError(f"no end within {timeout_s:g} s") from problem
        finally:
            process.stdout.close()
            if process.poll() is None:  # as sshd does: the command is left to find out by itself
                self._left.append(process)
                threading.Thread(target=process.wait, daemon=True).start()
        if lost:
            raise lost[0]
        return Answer(128 - code if code < 0 else code, bytes(kept), errors[0])

    def _feed(self, process: subprocess.Popen[bytes], feed: Iterable[bytes], lost: list[Any]) -> None:
        assert process.stdin
        with suppress(BrokenPipeError), process.stdin:
            for chunk in feed:
                if self.cut_after is not None and self.fed_bytes + len(chunk) > self.cut_after:
                    process.stdin.write(chunk[: self.cut_after - self.fed_bytes])
                    self.cut_after = None
                    lost.append(DeviceUnreachableError("the connection was lost"))
                    return
                process.stdin.write(self.change(chunk))
                self.fed_bytes += len(chunk)

    def close(self) -> None:
        for process in self._left:
            process.kill()
            process.wait()
        self._left.clear()


def _read_all(pipe: IO[bytes], into: list[bytes]) -> None:
    with pipe:
        into.append(pipe.read())


def _read(pipe: int, deadline: float) -> bytes:
    if not select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]:
        raise TimeoutError
    return os.read(pipe, 65536)


def target(work_dir: Path, name: str = "here") -> TargetSpec:
    spec = TargetSpec(schema=1, name=name, description="", device=DeviceSpec(transport="ssh"))
    return replace(spec, device=replace(spec.device, work_dir=str(work_dir)))


def shell_device(work_dir: Path, link: ShellLink | None = None) -> RemoteDevice:
    return RemoteDevice(target(work_dir), lambda: link or ShellLink())
