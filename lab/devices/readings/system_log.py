"""What a device's own log says of a program that died: the end of it, and the lines about memory."""

from __future__ import annotations

import re

from lab.core.text import printable

LINES, LINE_CHARS = 12, 300
_TELLING = re.compile(
    r"out of memory|oom|killed process|lowmemorykiller|lmkd|segfault|sigill|sigsegv|thermal"
    r'|jetsam|memorystatus|EXC_|"termination"',
    re.IGNORECASE,
)

COMMAND = (
    "if command -v logcat >/dev/null 2>&1; then logcat -d -t 200 2>/dev/null; fi; dmesg 2>/dev/null | tail -n 200; true"
)


def telling_lines(answer: str) -> list[str]:
    """Return the lines worth keeping, oldest first: those that name a cause, else the last few."""
    lines = [printable(line)[:LINE_CHARS] for line in answer.splitlines() if line.strip()]
    found = [line for line in lines if _TELLING.search(line)]
    return (found or lines[-3:])[-LINES:]
