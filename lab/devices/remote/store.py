"""Content on a device under its sha256: there once, whole, and never sent twice.

WORK/store/<sha256>         whole: checked as it arrived, then renamed
WORK/store/<sha256>.part    on its way; next time goes on where this one ended
WORK/store/<sha256>.sums    the sha256 of each part that arrived, in order
WORK/names/<name>           a symbolic link into the store, by which programs find it
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from lab.core.errors import DeviceFailedError
from lab.core.progress import Progress
from lab.core.units import human_bytes
from lab.devices.remote.content import Content
from lab.devices.remote.push import SYNC_S, Arrival
from lab.devices.remote.shell import Shell, Tools, line, quoted

SCRATCH = "scratch"  # beside store and names: what programs on the device keep for the next time
SPARE_BYTES = 64 << 20  # left free for what the device writes meanwhile


@dataclass(frozen=True)
class Traffic:
    """What pushing took: bytes that were sent, bytes that were there already, seconds of sending."""

    sent_bytes: int = 0
    kept_bytes: int = 0
    send_s: float = 0.0


class Store:
    """The content store of one device. The caller holds the device's lock."""

    def __init__(self, shell: Shell, work_dir: str, tools: Tools) -> None:
        self._shell = shell
        self._work = work_dir
        self._tools = tools
        self.traffic = Traffic()

    def push(self, wanted: Sequence[Content], progress: Progress) -> None:
        """Make every content be there under its name; only what is missing is sent.

        Raises:
            DeviceFailedError: too little space, or what arrived is not what was sent.
            DeviceUnreachableError: the device went away; what has arrived is kept for the next time.
        """
        missing = self._missing(wanted)
        arrivals = [Arrival(self._shell, self._folder, self._tools, content) for content in missing]
        kept = sum(arrival.begin() for arrival in arrivals)
        to_send = sum(content.size_bytes for content in missing) - kept
        self._check_space(to_send)
        began = time.monotonic()
        if arrivals:
            with progress.phase(f"push to {self._shell.name}", to_send, "bytes") as advance:
                for arrival in arrivals:
                    arrival.send(advance)
        self._link(wanted)
        if arrivals:
            self._sync()
        whole = sum(content.size_bytes for content in wanted)
        self._count(to_send, whole - to_send, time.monotonic() - began)

    def listing(self) -> list[tuple[str, int]]:
        """Return (name, bytes) of everything in the store, half-sent parts too."""
        found = self._shell.ask(
            f"cd {self._folder} 2>/dev/null && {self._tools.names_and_sizes('*')} 2>/dev/null; true", "list the store"
        )
        rows = (row.partition(" ") for row in found.splitlines())
        return [(name, int(size)) for name, _, size in rows if re.fullmatch(r"[0-9a-f]{64}(\.part|\.sums)?", name)]

    def clear(self) -> None:
        """Remove all that was ever pushed, and what programs kept."""
        self._shell.ask(f"cd {quoted(self._work)} && rm -rf store names {SCRATCH}", "clear its store")

    @property
    def _folder(self) -> str:
        return quoted(f"{self._work}/store")

    def _missing(self, wanted: Sequence[Content]) -> list[Content]:
        """Return the contents that are not there whole, each once."""
        names = line([content.sha256 for content in wanted])
        look = self._tools.names_and_sizes(names)
        command = f"mkdir -p {self._folder} && cd {self._folder} && {look} 2>/dev/null; true"
        there = set(self._shell.ask(command, "look into its store").splitlines())
        absent = (content for content in wanted if f"{content.sha256} {content.size_bytes}" not in there)
        return list({content.sha256: content for content in absent}.values())

    def _check_space(self, needed_bytes: int) -> None:
        if needed_bytes <= 0:
            return
        rows = self._shell.ask(f"df -kP {self._folder}", "ask for its free space").splitlines()
        fields = rows[-1].split() if rows else []
        free = int(fields[3]) * 1024 if len(fields) >= 6 and fields[3].isdigit() else None
        if free is not None and free < needed_bytes + SPARE_BYTES:
            raise DeviceFailedError(
                f"{self._shell.name}: {human_bytes(needed_bytes)} have to be sent and {human_bytes(SPARE_BYTES)} to"
                f" stay free, but {human_bytes(free)} are free at {self._work}",
                hint=f"lab devices clean --target {self._shell.name}, or [device].work_dir on another disk",
            )

    def _link(self, wanted: Sequence[Content]) -> None:
        """Put each content under its name, at once for all."""
        steps = [f"cd {quoted(self._work)}"]
        steps += [f"mkdir -p {line(sorted({_folder_of(content) for content in wanted}))}"]
        steps += [f"ln -sfn {line([_target_of(content), f'names/{content.name}'])}" for content in wanted]
        self._shell.ask(" && ".join(steps), "name what was pushed")

    def _sync(self) -> None:
        """See to it that a reboot forgets nothing, and that nothing is left to be written while a model is measured."""
        command = f"cd {quoted(self._work)} && {{ sync -f . 2>/dev/null || sync; }}"
        self._shell.ask(command, "write what was pushed to its disk", timeout_s=SYNC_S)

    def _count(self, sent: int, kept: int, took_s: float) -> None:
        old = self.traffic
        send_s = old.send_s + (took_s if sent else 0.0)
        self.traffic = Traffic(old.sent_bytes + sent, old.kept_bytes + kept, round(send_s, 3))


def _folder_of(content: Content) -> str:
    return f"names/{content.name}".rpartition("/")[0]


def _target_of(content: Content) -> str:
    return "../" * (content.name.count("/") + 1) + f"store/{content.sha256}"
