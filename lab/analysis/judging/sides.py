"""What is compared: two sides of a history under a policy."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.analysis.points.table import Codes

FLOOR = 0.05  # a smaller difference is no alarm on any device until its own noise is known


@dataclass(frozen=True)
class Side:
    """Some runs under a name: `runs` are places in `Points.runs` [S]."""

    label: str
    runs: Codes


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How to judge. `floors` are fractions by (target, metric); what is not there has FLOOR.

    `level` is the share of alarms that may be false. `across` names fields of CellKey that the sides differ in on
    purpose ("engine" when engines are compared). With `past`, runs that are older than both sides say how noisy a
    series is.
    """

    level: float = 0.05
    floors: dict[tuple[str, str], float] = field(default_factory=dict)
    emulated: bool = False
    across: tuple[str, ...] = ()
    past: bool = True

    def floor(self, target: str, metric: str) -> float:
        """Return the smallest difference of `metric` that counts on `target`, a fraction."""
        return self.floors.get((target, metric), FLOOR)
