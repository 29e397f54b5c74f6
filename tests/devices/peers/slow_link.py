"""A network of its own whose loopback is as slow, and as small in its packets, as a real link.

Loopback takes whole megabytes at once and hides what a client does wrong with short writes. Here server and client
share a namespace where loopback has the MTU of Ethernet and a token bucket holds the rate down. Both are programs that
are started with `prefix`, a client in Python too: nothing here needs root.
"""

from __future__ import annotations

import os
import subprocess
from types import TracebackType

from tests.devices.peers.programs import program


class SlowLink:
    """Made on entry, gone on exit. `rate` is in tc's words ("200mbit")."""

    def __init__(self, rate: str = "200mbit", mtu_bytes: int = 1500) -> None:
        self.rate = rate
        self.mtu_bytes = mtu_bytes

    @property
    def prefix(self) -> list[str]:
        """The words to put before a command line so that it runs in this network, as the same user."""
        enter = [program("nsenter", "util-linux"), "--target", str(self._holder.pid), "--net"]
        if os.geteuid() == 0:
            return enter
        # Whoever is not root has the network in a user namespace, as its root: a second one gives the name back.
        ids = [f"--map-user={os.getuid()}", f"--map-group={os.getgid()}"]
        return [*enter, "--user", "--preserve-credentials", program("unshare", "util-linux"), "--user", *ids]

    def __enter__(self) -> SlowLink:
        ip, tc = program("ip", "iproute2"), program("tc", "iproute2")
        script = (
            f"{ip} link set lo mtu {self.mtu_bytes} up && "
            f"{tc} qdisc add dev lo root tbf rate {self.rate} burst 32kb latency 50ms && echo ready && exec cat"
        )
        as_user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        argv = [program("unshare", "util-linux"), "--net", *as_user, "sh", "-c", script]
        # It lives as long as its standard input: if the tests die, the network goes too.
        self._holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            _, said = self._holder.communicate()
            raise OSError(f"cannot make a slow network here: {said.decode().strip()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder.communicate()
