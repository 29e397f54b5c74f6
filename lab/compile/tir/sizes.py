"""How sizes of a network are divided into vectors and tiles: never with a rest that a loop would leave out."""

from __future__ import annotations

PAGE = 16  # tokens; fixed by the KV cache's ABI
GROUP = 32  # weights that share a scale
BLOCK = 16  # rows that the weight layout interleaves


def divided(size: int, part: int) -> int:
    """Return how many `part` make `size`; ValueError where some would be left over, and so never computed."""
    if size % part:
        raise ValueError(f"{size} is no multiple of {part}: a kernel would leave {size % part} out")
    return size // part


def fitting(size: int, wanted: int) -> int:
    """Return the greatest number up to `wanted` that divides `size`."""
    return next(n for n in range(min(wanted, size), 0, -1) if size % n == 0)


def fitting_vector(size: int, wanted: int) -> int:
    """Return the widest vector up to `wanted`, a power of two, that fills `size` without a rest."""
    while size % wanted:
        wanted //= 2
    return wanted
