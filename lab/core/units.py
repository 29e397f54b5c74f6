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


def about_seconds(seconds: float) -> str:
    """How long something takes, for an estimate: `about 11 s`, `about 4 min 05 s`."""
    return f"about {human_seconds(round(seconds)) if seconds >= 60 else f'{seconds:.0f} s'}"


def counted(number: int, what: str) -> str:
    """A number with its noun: `1 run`, `2 runs`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def percent(fraction: float, digits: int | None = None) -> str:
    """A fraction of one as percent: `5 %`, `2.5 %`, `130 %`; with so many digits after the point where told."""
    size = round(fraction * 100, 1 if digits is None else digits) + 0.0  # no -0
    return f"{size:g} %" if digits is None and abs(size) < 1e6 else f"{size:.{digits or 0}f} %"


def change(ratio: float) -> str:
    """A ratio as a signed change: `-8.0 %`, `+9.8 %`, `0.0 %`; from a factor of two on as a factor: `3.1 times`."""
    if 0.5 < ratio < 2:
        size = round((ratio - 1) * 100, 1)
        return f"{size:+.1f} %" if size else "0.0 %"
    return f"{ratio:.3g} times"


def change_size(ratio: float) -> str:
    """How large a change is, to stand behind a word that tells its direction: `20.4 %`, or `a factor of 3`."""
    if 0.5 < ratio < 2:
        return f"{abs(ratio - 1) * 100:.1f} %"
    return f"a factor of {max(ratio, 1 / ratio):.3g}" if ratio > 0 else change(ratio)


def p_value(p: float) -> str:
    """The probability of such a difference by chance: `p = 0.003`, `p = 3e-06`."""
    return f"p = {p:.2g}"
