"""Numbers as people read them. Inside the program, bytes stay bytes and seconds stay seconds."""

from __future__ import annotations


def human_bytes(count: float) -> str:
    """Bytes in binary steps: `512 B`, `91.0 MiB`, `2.1 GiB`."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def human_seconds(seconds: float) -> str:
    """Seconds in the unit that fits: `18 µs`, `41.2 ms`, `3.21 s`, `4 min 05 s`."""
    if abs(seconds) < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    if abs(seconds) < 1:
        return f"{seconds * 1e3:.1f} ms"
    if abs(seconds) < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def counted(number: int, what: str) -> str:
    """A number with its noun: `1 run`, `2 runs`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
