"""What tells one host from every other: its board's own number, else the id that its system made for itself.

Two cards that were written from one image have one machine-id, and so would one lock and one history. Only what every
account can read counts: a lock that root and another user name differently keeps nobody out.
"""

from __future__ import annotations

import re

DEVICE_TREE = "/proc/device-tree/serial-number"
_FORM = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{3,63}")
# What is written where nobody filled anything in.
_NOBODYS = re.compile(
    r"(.)\1*|0x0*|0?123456789(abcdef|0)?|unknown|none|default|serial.*|not.?specified|to.be.filled.*", re.I
)


def board_serial(device_tree: str | None, cpuinfo: str | None) -> str | None:
    """Return the board's number out of the device tree, else the processor's out of /proc/cpuinfo; None without one."""
    line = re.search(r"^Serial[ \t]*:[ \t]*(\S*)[ \t]*$", cpuinfo or "", re.MULTILINE)
    for text in ((device_tree or "").strip("\0 \t\r\n"), line[1] if line else ""):
        if _FORM.fullmatch(text) and not _NOBODYS.fullmatch(text):
            return text.lower()
    return None


def host_serial(board: str | None, machine_id: str | None, node: str | None) -> str:
    """Return the serial of a host, the same however it is reached."""
    if board:
        return f"board-{board}"
    return f"local-{machine_id}" if machine_id else f"host-{node or 'unnamed'}"
