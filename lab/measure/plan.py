"""What a session will do, declared before it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
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
    """Cells and the settings they share. Times in seconds, temperatures in deg C.

    `measure` is the target's table, whose `threads` and `repeats` are what was asked for; those of the plan count.
    Where it `adapts`, `repeats` is the least at first and then what the session decided: as many as bring the 95 %
    interval of every median within the table's `precision`, as far as its `budget_s` allows. `lengths` is null where
    they were named. With `profile` each cell gets a process more, in which every kernel of the GPU is timed.
    """

    cells: tuple[Test, ...]
    repeats: int = USUAL_REPEATS
    adapts: bool = False
    lengths: Lengths | None = None
    threads: int = 1
    max_temp_c: float = 80.0
    seed: int = 0
    memory_interval_ms: int = 10
    memory_generate: int = 16
    sample_interval_s: float = 0.5
    bandwidth_bytes: int = 512 << 20
    bandwidth_passes: int = 8
    peak_passes: int = 8
    profile: bool = False
    measure: MeasureSpec = field(default_factory=MeasureSpec)

    def changed(self, **changes: Any) -> Plan:
        """Return the plan with other values: fields of its own, or else of the target's table."""
        own = {item.name for item in fields(self)}
        of_target = {name: value for name, value in changes.items() if name not in own}
        measure = replace(self.measure, **of_target)
        return replace(self, **{"measure": measure, **{name: changes[name] for name in own & changes.keys()}})

    @property
    def values(self) -> dict[str, Any]:
        """The values by name as records hold them: those of the target's table stand among the plan's."""
        own = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "measure"}
        names = [item.name for item in fields(self.measure) if item.name != "ram_share"]
        return {**{name: getattr(self.measure, name) for name in names}, **own}

    @property
    def settings_fingerprint(self) -> str:
        """Digest of what makes two rows comparable; a cell and a number of repeats are not part of it."""
        names = ("threads", "prefill_chunk", "warmup_cap", "warmup_spread", "seed", "sample_interval_s")
        memory, values = ("memory_interval_ms", "memory_generate"), self.values
        return fingerprint({name: values[name] for name in names + memory})


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
    threads = min(asked.threads, default or asked.threads) if target.is_emulated else asked.threads
    adapts = not (asked.repeats or changes.get("repeats"))
    plan = Plan(cells, asked.repeats or LEAST_REPEATS, adapts, threads=threads, measure=asked)
    plan = plan.changed(**{name: value for name, value in changes.items() if value is not None})
    plan = replace(plan, threads=plan.threads or default or 1)
    _check(plan)
    return plan


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
        if plan.values[name] < bound:
            raise UsageError(f"{name} = {plan.values[name]}: must be {bound} or more")
    if not plan.cells:
        raise UsageError("the plan has no cells", hint="give --prompt, --generate and --depth a number each")
