"""The statistic of E-divisive as Matteson and James (2014) print it, sum by sum: slow, and written on its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations


def statistic(left: Sequence[float], right: Sequence[float]) -> float:
    """Equations 5 and 6 with the power 1."""
    n, m = len(left), len(right)
    between = 2 / (m * n) * sum(abs(x - y) for x in left for y in right)
    within_left = sum(abs(x - y) for x, y in combinations(left, 2)) / (n * (n - 1) / 2)
    within_right = sum(abs(x - y) for x, y in combinations(right, 2)) / (m * (m - 1) / 2)
    return m * n / (m + n) * (between - within_left - within_right)


def best_split(values: Sequence[float], least: int) -> tuple[float, int]:
    """Equation 7: the largest over all places of the change and all ends of the right side."""
    return max(
        (statistic(values[:place], values[place:end]), place)
        for place in range(least, len(values) - least + 1)
        for end in range(place + least, len(values) + 1)
    )
