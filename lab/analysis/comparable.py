"""What keeps measurements under two sets of conditions from being compared."""

from __future__ import annotations

from lab.analysis.points.key import Conditions
from lab.core.text import printable

EMULATED = "emulated devices: their timings say nothing about real devices"
EMULATED_HINT = "--emulated compares emulated devices too"


def conditions_obstacle(a: Conditions, b: Conditions, *, emulated: bool = False) -> str | None:
    """Say why points under conditions `a` and `b` are never compared; None when they may be.

    Two emulated devices may be only when that was asked for with `emulated`.
    """
    obstacle = rules_obstacle(a, b, emulated=emulated)
    if obstacle is None and a.counter != b.counter:
        return f"two memory counters: {printable(a.counter) or 'unknown'} and {printable(b.counter) or 'unknown'}"
    return obstacle


def rules_obstacle(a: Conditions, b: Conditions, *, emulated: bool = False) -> str | None:
    """Say why nothing that was measured under `a` is compared with anything under `b`, whatever the metric."""
    if a.protocol != b.protocol:
        return f"measured by different rules: {printable(a.protocol)} and {printable(b.protocol)}"
    if (a.layers, a.layers_total) != (b.layers, b.layers_total):
        cut = a.layers != a.layers_total or b.layers != b.layers_total
        if cut:
            return f"different depth: {_layers(a)} and {_layers(b)}"
    if a.emulated != b.emulated:
        return "an emulated device compared with a real one"
    return EMULATED if a.emulated and not emulated else None


def _layers(one: Conditions) -> str:
    whole = one.layers == one.layers_total
    return "the whole model" if whole else f"{one.layers} of {one.layers_total} layers"
