"""One content on its way to a device, in parts that are hashed as they arrive."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from lab.core.errors import DeviceFailedError
from lab.core.progress import Advance
from lab.devices.link import Answer, LinkTimeoutError
from lab.devices.remote.content import Content
from lab.devices.remote.shell import Shell, Tools, said

PART_BYTES = 64 << 20
STALL_S = 60.0  # the last bytes of a part are hashed while nothing moves
TIMEOUT_S = 7 * 24 * 3600.0  # a slow link is slow, not broken: what counts is that bytes move
SYNC_S = 3600.0  # a slow card with gigabytes still to write
TRIES = 2


class Arrival:
    """Appends parts to STORE/<sha256>.part; `folder` is the store's path, quoted for the shell."""

    def __init__(self, shell: Shell, folder: str, tools: Tools, content: Content) -> None:
        self._shell = shell
        self._folder = folder
        self._tools = tools
        self._content = content
        self._parts = 0  # that have arrived
        self._resumed = False

    def begin(self) -> int:
        """Return how many bytes of an earlier time are there and right; what is not is cut off."""
        self._parts = self._arrived()
        self._resumed = self._parts > 0
        self._cut()
        return self._sent_bytes

    def send(self, advance: Advance) -> None:
        """Send what is missing, check it, and give it its name.

        Raises:
            DeviceFailedError: the disk is full, or a part arrived damaged twice.
            DeviceUnreachableError: the device went away; the parts that arrived stay.
        """
        while self._sent_bytes < self._content.size_bytes:
            self._send_part(advance)
        self._publish()

    @property
    def _sent_bytes(self) -> int:
        return min(self._parts * PART_BYTES, self._content.size_bytes)

    @property
    def _name(self) -> str:
        return self._content.sha256

    def _arrived(self) -> int:
        """Return how many whole parts of an earlier time are as they should be, from the first on."""
        size = self._tools.size_of(f"{self._name}.part")
        command = f"cd {self._folder} && cat {self._name}.sums 2>/dev/null; {size} 2>/dev/null; true"
        *sums, found = self._shell.ask(command, "look for half-sent files").split() or [""]
        if not (sums and found.isdecimal()):
            return 0
        parts = min(len(sums), int(found) // PART_BYTES, self._content.size_bytes // PART_BYTES)
        right = (sums[part] == self._digest(part) for part in range(parts))
        return next((part for part, fits in enumerate(right) if not fits), parts)

    def _digest(self, part: int) -> str:
        found = hashlib.sha256()
        for chunk in self._content.chunks(part * PART_BYTES, PART_BYTES):
            found.update(chunk)
        return found.hexdigest()

    def _cut(self) -> None:
        """Leave the parts that have arrived and nothing behind them."""
        name = self._name
        cut = self._tools.cut_to(f"{name}.part", self._parts * PART_BYTES)
        command = (
            f"cd {self._folder} && touch {name}.part {name}.sums && {cut}"
            f" && head -n {self._parts} {name}.sums > {name}.tmp && mv {name}.tmp {name}.sums"
        )
        if self._parts == 0:
            command = f"cd {self._folder} && rm -f {name}.sums {name}.part && touch {name}.part"
        self._shell.ask(command, "prepare a push")

    def _send_part(self, advance: Advance) -> None:
        nbytes = min(PART_BYTES, self._content.size_bytes - self._sent_bytes)
        for attempt in range(1, TRIES + 1):
            ours = hashlib.sha256()
            answer = self._feed(self._hashed(nbytes, ours, advance))
            if self._is_right(answer, ours.hexdigest(), nbytes):
                self._parts += 1
                return
            self._complain(answer, ours.hexdigest(), nbytes, last=attempt == TRIES)
            self._cut()

    def _hashed(self, nbytes: int, ours: hashlib._Hash, advance: Advance) -> Iterator[bytes]:
        for chunk in self._content.chunks(self._sent_bytes, nbytes):
            ours.update(chunk)
            yield chunk
            advance(len(chunk))

    def _feed(self, chunks: Iterator[bytes]) -> Answer:
        """Append on the device, hashing what comes in; what is on its disk by then is told by its size."""
        name = self._name
        command = (
            f"cd {self._folder} && sum=$(tee -a {name}.part | {self._tools.hasher}) && sum=${{sum%% *}}"
            f' && echo "$sum" >> {name}.sums && echo "$sum" && {self._tools.size_of(f"{name}.part")}'
        )
        try:
            return self._shell.link.execute(command, timeout_s=TIMEOUT_S, stall_s=STALL_S, feed=chunks)
        except LinkTimeoutError as problem:
            raise DeviceFailedError(
                f"{self._shell.name}: the push of {self._content.name} stands still: {problem.what}"
            ) from problem

    def _is_right(self, answer: Answer, digest: str, nbytes: int) -> bool:
        expected = [digest, str(self._sent_bytes + nbytes)]
        return answer.code == 0 and answer.stdout.decode("ascii", "replace").split() == expected

    def _complain(self, answer: Answer, digest: str, nbytes: int, *, last: bool) -> None:
        """Raise when another try is no use."""
        why = said(answer) if answer.stderr.strip() or answer.code != 0 else self._short(answer, digest, nbytes)
        if why is not None:
            raise DeviceFailedError(
                f"{self._shell.name}: {self._content.name} could not be written: {why}",
                hint="what has arrived is kept; free some space there and run the command again",
            )
        if last:
            raise DeviceFailedError(
                f"{self._shell.name}: {nbytes} bytes of {self._content.name} arrived damaged, {TRIES} times",
                hint="check the cable or the network, and run the command again",
            )

    def _short(self, answer: Answer, digest: str, nbytes: int) -> str | None:
        """Return what to say of a part that arrived as it was and is not on the disk: toybox's tee does not tell."""
        found, _, size = answer.stdout.decode("ascii", "replace").strip().partition("\n")
        if found != digest or not size.isdecimal() or int(size) >= self._sent_bytes + nbytes:
            return None
        return f"only {max(0, int(size) - self._sent_bytes)} of {nbytes} bytes fit on the disk"

    def _publish(self) -> None:
        """Rename the whole file; what was there from an earlier time is read back once, all of it."""
        name = self._name
        if self._resumed:
            found = self._shell.ask(
                f"cd {self._folder} && {self._tools.hasher} {name}.part", "check what was pushed", timeout_s=3600.0
            )
            if found.split()[:1] != [name]:
                self._parts = 0
                self._cut()
                raise DeviceFailedError(
                    f"{self._shell.name}: {self._content.name} is damaged on the device's disk",
                    hint="it was removed there; run the command again",
                )
        # Synced, so that a reboot leaves no file that is whole by its name alone. toybox's sync takes no names.
        self._shell.ask(
            f"cd {self._folder} && chmod 700 {name}.part && {{ sync {name}.part 2>/dev/null || sync; }}"
            f" && mv -f {name}.part {name} && rm -f {name}.sums",
            "put what was pushed in its place",
            timeout_s=SYNC_S,
        )
