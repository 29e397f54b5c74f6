"""Addresses that people type: [user@]host[:port], where the host may be an address of IPv6."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Self

_USER, _NAME = r"[A-Za-z0-9_][A-Za-z0-9_.@-]*?", r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_PORT = r"(?::(?P<port>\d{1,5}))?"
_FORMS = (
    rf"(?:(?P<user>{_USER})@)?(?P<host>{_NAME}){_PORT}",
    rf"(?:(?P<user>{_USER})@)?\[(?P<host>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?)\]{_PORT}",
    rf"(?:(?P<user>{_USER})@)?(?P<host>[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?)(?P<port>)",
)


@dataclass(frozen=True)
class Address:
    """One that was taken apart; no user is "", no port is 0."""

    host: str
    port: int = 0
    user: str = ""

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the address that `text` is, or None: IPv6 as [addr]:port, or without a port as it is."""
        for index, form in enumerate(_FORMS):
            found = re.fullmatch(form, text)
            if found is None or (index > 0 and not _is_ipv6(found["host"])):
                continue
            port = int(found["port"] or 0)
            return cls(found["host"], port, found["user"] or "") if port < 65_536 else None
        return None


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
