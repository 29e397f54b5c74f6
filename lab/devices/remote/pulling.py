"""A file of a device, copied to this host whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lab.core.errors import DeviceFailedError
from lab.devices.link import LinkTimeoutError
from lab.devices.remote.arrival import STALL_S, TIMEOUT_S
from lab.devices.remote.shell import Shell, said
from lab.devices.remote.words import quoted


def pull(shell: Shell, remote: str, local: Path) -> None:
    """Copy `remote` to `local`.

    Raises:
        DeviceFailedError: it can't be read there or written here; nothing is left of it.
        DeviceUnreachableError: the device went away.
    """
    part = local.with_name(local.name + ".part")
    try:
        with part.open("wb") as file:
            answer = shell.link.execute(
                f"cat {quoted(remote)}", timeout_s=TIMEOUT_S, stall_s=STALL_S, on_stdout=_into(file)
            )
        if answer.code != 0:
            raise DeviceFailedError(f"{shell.name}: cannot pull {remote}: {said(answer)}")
        part.replace(local)
    except (OSError, LinkTimeoutError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise DeviceFailedError(f"{shell.name}: cannot pull {remote} to {local}: {reason}") from problem
    finally:
        part.unlink(missing_ok=True)


def _into(file: BinaryIO) -> Callable[[bytes], None]:
    def write(data: bytes) -> None:
        file.write(data)

    return write
