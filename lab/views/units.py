"""Numbers in columns: the unit stands in the header, nothing measured is a dash and never 0."""

from __future__ import annotations

from lab.core import units
from lab.core.units import human_bytes
from lab.formats.metrics import NOT_MEASURED

MIB = 1 << 20


def number(value: float | None) -> str:
    """Three significant digits where they matter, whole numbers above a hundred."""
    if value is None:
        return NOT_MEASURED
    magnitude = abs(value)
    if magnitude >= 99.95:
        return f"{value:.0f}"
    if magnitude >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if magnitude >= 0.9995 or value == 0 else f"{value:.3f}"


def spread(value: float | None, deviation: float | None) -> str:
    """`15.0 ± 0.2`: the deviation with the digits of the value."""
    if value is None or deviation is None:
        return number(value)
    shown = number(value)
    digits = len(shown.partition(".")[2])
    return f"{shown} ± {deviation:.{digits}f}"


def mebibytes(count: float | None) -> str:
    """Bytes as a whole number of MiB, without the unit."""
    return NOT_MEASURED if count is None else f"{count / MIB:.0f}"


def milliseconds(value_s: float | None) -> str:
    """Seconds as a number of milliseconds, without the unit."""
    return number(None if value_s is None else value_s * 1e3)


def gigabytes_per_s(bytes_per_s: float | None) -> str:
    """Bytes a second as decimal GB/s, without the unit."""
    return number(None if bytes_per_s is None else bytes_per_s / 1e9)


def giga_ops_per_s(ops_per_s: float | None) -> str:
    """Operations a second as GOP/s, without the unit."""
    return number(None if ops_per_s is None else ops_per_s / 1e9)


def percent(fraction: float | None, digits: int = 0) -> str:
    """A fraction of one as percent."""
    return NOT_MEASURED if fraction is None else units.percent(fraction, digits)


def amount(done: float, total: float, unit: str) -> str:
    """`1.2 GiB of 2.0 GiB` for bytes, `37 of 160 tokens` for counts."""
    if unit in ("B", "bytes"):
        return f"{human_bytes(done)} of {human_bytes(total)}"
    return f"{done:.0f} of {total:.0f} {unit}".rstrip()
