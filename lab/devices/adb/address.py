"""Where a phone listens: [adb].address taken apart."""

from __future__ import annotations

import re

from lab.core.errors import ConfigError
from lab.formats.target import TargetSpec

DEFAULT_PORT = 5555

Address = tuple[str, int]


def address_of(target: TargetSpec) -> Address | None:
    """Return host and port, or None for a phone on USB; ConfigError for what is neither.

    A host with more than one colon is an IPv6 address, whose last part is the port.
    """
    said = target.adb.address
    if not said:
        return None
    host, colon, port = said.rpartition(":")
    if not colon:
        return said, DEFAULT_PORT
    if not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65_536 and host):
        where = f"targets/{target.name}.toml: [adb].address"
        raise ConfigError(
            f"{where}: {said[:60]!r} is not host:port", hint=f"such as {host[:60] or 'phone'}:{DEFAULT_PORT}"
        )
    return host, int(port)


def address_text(address: Address | None) -> str:
    """Return it as an adb server writes it; empty for None."""
    if address is None:
        return ""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
