"""A file of a device, copied to this host whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lab.core.errors import DeviceFailedError
from lab.devices.link import LinkTimeoutError
from lab.devices.remote.push import STALL_S, TIMEOUT_S
from lab.devices.remote.shell import Shell, quoted, said

CHECK_S = 3600.0


def pull(shell: Shell, remote: str, local: Path, hasher: str) -> None:
    """Copy `remote` to `local`; `hasher` prints the sha256 of its input there.

    Raises:
        DeviceFailedError: it can't be read there or written here, or arrives damaged; nothing is left of it.
        DeviceUnreachableError: the device went away.
    """
    part = local.with_name(local.name + ".part")
    digest = hashlib.sha256()
    try:
        with part.open("wb") as file:
            answer = shell.link.execute(
                f"cat {quoted(remote)}", timeout_s=TIMEOUT_S, stall_s=STALL_S, on_stdout=_into(file, digest)
            )
        if answer.code != 0:
            raise DeviceFailedError(f"{shell.name}: cannot pull {remote}: {said(answer)}")
        _check(shell, remote, hasher, digest.hexdigest())
        part.replace(local)
    except (OSError, LinkTimeoutError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise DeviceFailedError(f"{shell.name}: cannot pull {remote} to {local}: {reason}") from problem
    finally:
        part.unlink(missing_ok=True)


def _check(shell: Shell, remote: str, hasher: str, arrived: str) -> None:
    """Raise DeviceFailedError where another sha256 is there than arrived."""
    there = shell.ask(f"{hasher} < {quoted(remote)}", f"check {remote}", timeout_s=CHECK_S).split()[:1]
    if there != [arrived]:
        raise DeviceFailedError(
            f"{shell.name}: {remote} arrived damaged",
            hint="check the cable or the network, and that no login file leaves a program behind that goes on printing",
        )


def _into(file: BinaryIO, digest: hashlib._Hash) -> Callable[[bytes], None]:
    def write(data: bytes) -> None:
        digest.update(data)
        file.write(data)

    return write
