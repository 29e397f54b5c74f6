"""Options that the verbs around the gate share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from lab.core.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def metric_option(verb: F) -> F:
    """`--metric NAME`: judge these alone."""
    from lab.formats.metrics import judged

    text = f"Metric to judge, of {', '.join(judged())}; may be given several times; default: all."
    return click.option("--metric", "metrics", metavar="NAME", multiple=True, callback=_metrics, help=text)(verb)


def floor_option(verb: F) -> F:
    """`--floor 3%`: the smallest difference that counts."""
    text = "Threshold: the smallest change that counts, such as 3%; default: what 'lab calibrate' learned, else 5 %."
    return click.option("--floor", metavar="SHARE", callback=_floor, help=text)(verb)


def _metrics(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    from lab.formats.metrics import metric

    return tuple(metric(name).name for name in dict.fromkeys(value))


def _floor(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,6})?%", value):
        found = float(value[:-1]) / 100
    elif re.fullmatch(r"0?\.[0-9]{1,8}", value):
        found = float(value)
    else:
        raise UsageError(f"--floor {value!r}: not a percentage", hint="use 3% or 0.03")
    if not found > 0:
        raise UsageError(f"--floor {value!r}: must be above 0", hint="use 3% or 0.03")
    return found
