"""What a session will do, declared before it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any

from lab.core.errors import UsageError
from lab.formats.run_record import Lengths
from lab.formats.target import MeasureSpec, TargetSpec
from lab.formats.test import Test
from lab.measure.protocol import fingerprint

PROMPTS, GENERATES, DEPTHS = (512,), (128,), (0,)
MAX_TOKENS = 1_000_000  # the runner takes no more
LEAST_REPEATS, USUAL_REPEATS, MOST_REPEATS = 3, 5, 10  # where nobody named a number


@dataclass(frozen=True)
class Plan:
    """Cells and the settings they share. Times in seconds, temperatures in deg C, gates as fractions.

    Where it `adapts`, `repeats` is the least at first and then what the session decided: as many as bring the 95 %
    interval of every median within `precision` (a fraction), as far as `budget_s` allows. `lengths` is null where they
    were named. With `profile` each cell gets a process more, in which every kernel of the GPU is timed.
    `cv_gate` is declared here, before the run: cohorts whose coefficient of variation is over it are marked.
    """

    cells: tuple[Test, ...]
    repeats: int = USUAL_REPEATS
    adapts: bool = False
    precision: float = 0.05
    budget_s: float = 120.0
    lengths: Lengths | None = None
    threads: int = 1
    prefill_chunk: int = 512
    warmup_cap: int = 8
    warmup_spread: float = 0.05
    cv_gate: float = 0.05
    max_busy: float = 0.3
    max_temp_c: float = 80.0
    gate_timeout_s: float = 15.0
    timeout_s: float = 1800.0
    seed: int = 0
    memory_interval_ms: int = 10
    memory_generate: int = 16
    sample_interval_s: float = 0.5
    bandwidth_bytes: int = 512 << 20
    bandwidth_passes: int = 8
    peak_passes: int = 8
    profile: bool = False

    @property
    def settings_fingerprint(self) -> str:
        """Digest of what makes two rows comparable; a cell and a number of repeats are not part of it."""
        names = ("threads", "prefill_chunk", "warmup_cap", "warmup_spread", "seed", "sample_interval_s")
        memory = ("memory_interval_ms", "memory_generate")
        return fingerprint({name: getattr(self, name) for name in names + memory})


def cells_of(
    prompts: Iterable[int] = PROMPTS, generates: Iterable[int] = GENERATES, depths: Iterable[int] = DEPTHS
) -> tuple[Test, ...]:
    """Return every combination once, in the order given.

    Raises:
        UsageError: a list is empty, or a number is out of its range.
    """
    axes = {
        "prompt": _axis("prompt", prompts, 1, "a prefill needs a token"),
        "generate": _axis("generate", generates, 2, "a decode rate needs two tokens"),
        "depth": _axis("depth", depths, 0, "0 means an empty cache"),
    }
    return tuple(Test(*numbers) for numbers in product(*axes.values()))


def plan_for(target: TargetSpec, cells: tuple[Test, ...], default: int | None, **changes: Any) -> Plan:
    """Return the plan that a target's [measure] table asks for, `changes` (None: leave) put over it.

    `default` stands in for `threads = 0`: see `lab.measure.share`. An emulated device has the cores of the machine
    around it, so there the target's number is the most and not a demand.

    Raises:
        UsageError: a value that no plan can have.
    """
    asked = target.measure
    decided = {
        "repeats": asked.repeats or LEAST_REPEATS,
        "adapts": not (asked.repeats or changes.get("repeats")),
        "threads": min(asked.threads, default or asked.threads) if target.is_emulated else asked.threads,
    }
    named = {name: value for name, value in changes.items() if value is not None}
    plan = Plan(cells=cells, **{**_of_target(asked), **decided, **named})
    plan = replace(plan, threads=plan.threads or default or 1)
    _check(plan)
    return plan


def _of_target(asked: MeasureSpec) -> dict[str, Any]:
    """Return what of the target's table is a field of a plan: all but what decides before there is one."""
    names = {item.name for item in fields(Plan)}
    return {item.name: getattr(asked, item.name) for item in fields(MeasureSpec) if item.name in names}


def _axis(name: str, values: Iterable[int], least: int, why: str) -> tuple[int, ...]:
    numbers = tuple(dict.fromkeys(values))
    if not numbers:
        raise UsageError(f"--{name}: no number given", hint=f"for example: --{name} {max(least, 128)}")
    for number in numbers:
        if not least <= number <= MAX_TOKENS:
            raise UsageError(f"--{name} {number}: must be {least} to {MAX_TOKENS} ({why})")
    return numbers


def _check(plan: Plan) -> None:
    least = {"repeats": 1, "threads": 1, "prefill_chunk": 1, "warmup_cap": 0, "memory_generate": 2}
    for name, bound in least.items():
        if getattr(plan, name) < bound:
            raise UsageError(f"{name} = {getattr(plan, name)}: must be {bound} or more")
    if not plan.cells:
        raise UsageError("the plan has no cells", hint="give --prompt, --generate and --depth a number each")
