"""A link to a host that answers ssh, whatever shell its user has."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from typing import Any

import asyncssh

from lab.core.errors import DeviceUnreachableError
from lab.devices.link import Access, Answer, Link, LinkTimeoutError
from lab.devices.marked import marked
from lab.devices.ssh.check import check
from lab.devices.ssh.exchange import Exchange
from lab.devices.ssh.known_hosts import add_line, keeps
from lab.devices.ssh.loop import LoopThread
from lab.devices.ssh.pool import Pool
from lab.devices.ssh.problems import FirstContactError, key_words
from lab.devices.ssh.route import HOPS_MAX, Resolved, route
from lab.devices.ssh.session import Session
from lab.formats.target import TargetSpec

# Characters that mean nothing to sh, bash, zsh, fish and csh alike when they are in single quotes, and that the inner
# double quotes and printf leave alone too.
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-+=./,:;@#()[]{}<>|&*?~^")


def for_sh(command: str) -> str:
    """Return a line that makes any common login shell hand `command` to sh.

    Shells do not agree on how to quote a quote, a backslash, a newline or a "!": those are spelt in octal, and sh
    puts them together again. A command that is not UTF-8 is spelt by surrogates (os.fsdecode).
    """
    spelt = "".join(
        chr(byte) if byte in PLAIN else f"\\0{byte:03o}" for byte in command.encode("utf-8", "surrogateescape")
    )
    return f"""exec sh -c 'eval "$(printf %b "{spelt}")"'"""


__all__ = ["SshLink", "check", "connect"]

logging.getLogger("asyncssh").addHandler(logging.NullHandler())  # else Python writes its warnings to the terminal


def connect(target: TargetSpec, access: Access) -> Link:
    """Return a link to the host of `target`, logged in.

    Raises:
        ConfigError: the target, or the ssh configuration, does not say which host or how.
        DeviceUnreachableError: it does not answer, or refuses us, or we do not know it.
    """
    check(target)
    link = SshLink(route(target.ssh))
    try:
        link.open(access)
    except BaseException:
        link.close()
        raise
    return marked(link, link.address)


class SshLink:
    """Commands on a host by ssh, `address`; see `Link`."""

    def __init__(self, way: list[Resolved]) -> None:
        self._way = way
        self.address = way[-1].address
        self._loop = LoopThread()
        self._pool = Pool(way)
        self._closed = False

    def open(self, access: Access) -> None:
        """Connect. Each host on the way that is new is put to `access`, and reached again if it is trusted."""
        for _ in range(HOPS_MAX + 1):
            try:
                return self._loop.submit(self._pool.first()).result()
            except FirstContactError as contact:
                self._admit(contact, access)
        raise DeviceUnreachableError(f"{self.address}: the host shows a new key each time")

    def facts(self) -> dict[str, Any]:
        """Return the way, the cipher, what the server calls itself, and whether other hosts are in between."""
        return {"link": f"ssh (asyncssh {asyncssh.__version__})", **self._pool.facts, "jumps": len(self._way) - 1}

    def execute(
        self,
        command: str,
        *,
        timeout_s: float,
        stall_s: float | None = None,
        feed: Iterable[bytes] | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """Have the host's sh run `command`; see `Link.execute`. Closing the channel does not end the command."""
        began = time.monotonic()
        session = self._start(for_sh(command), timeout_s)
        exchange = Exchange(
            self._loop, session, self.address, began=began, timeout_s=timeout_s, stall_s=stall_s, on_stdout=on_stdout
        )
        return exchange.run(feed or ())

    def close(self) -> None:
        """End the connections; a call of `execute` in another thread raises DeviceUnreachableError."""
        if not self._closed:
            self._closed = True
            self._loop.submit(self._close()).result()
            self._loop.close()

    async def _close(self) -> None:
        self._pool.close()

    def _start(self, command: str, timeout_s: float) -> Session:
        started = self._loop.submit(self._pool.start(command))
        try:
            return started.result(timeout_s)
        except TimeoutError as problem:
            started.add_done_callback(self._drop)
            raise LinkTimeoutError(f"{self.address}: no session within {timeout_s:g} s") from problem
        except CancelledError as problem:
            raise DeviceUnreachableError(f"{self.address}: the link is closed") from problem
        except BaseException:
            started.add_done_callback(self._drop)
            raise

    def _drop(self, started: Future[Session]) -> None:
        if not started.cancelled() and started.exception() is None:
            self._loop.post(started.result().abort)

    def _admit(self, contact: FirstContactError, access: Access) -> None:
        hop = next(hop for hop in self._way if hop.address == contact.address)
        trusts = access.accept_new or hop.accepts_new
        if not trusts and not (access.confirm is not None and access.confirm(_question(contact))):
            raise contact
        file = hop.known_hosts_file()
        if file is None:
            raise contact
        where = f"added to {file}"
        if keeps(file):
            add_line(file, contact.name, contact.key)
        else:
            hop.trusted.append(contact.key)
            where = f"trusted for this command: {file} keeps nothing"
        if access.note is not None:
            access.note(f"{contact.address}: key {key_words(contact.key)} {where}")


def _question(contact: FirstContactError) -> str:
    return f"{contact.address} is new. Its key is {key_words(contact.key)}. Trust it?"
