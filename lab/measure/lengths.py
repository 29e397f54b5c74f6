"""How many tokens go in and come out, where nobody named them: fewer than usual on a slow machine alone.

A row of other lengths is another series. So they are not fitted to the machine: they are steps of a short ladder, and a
machine stays on its step unless its speed has clearly changed. How many other cells a run has, or how many repetitions
were asked for, makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lab import store
from lab.core.progress import Progress
from lab.core.units import human_seconds
from lab.devices.base import Device
from lab.formats.run_record import Lengths, RunRecord
from lab.formats.test import Test
from lab.measure.conditions.gates import wait_until_quiet
from lab.measure.conditions.samplers import Clock
from lab.measure.engine import Engine, Rate
from lab.measure.plan import DEPTHS, GENERATES, LEAST_REPEATS, PROMPTS, Plan, cells_of
from lab.measure.runner.engine import RunnerEngine

LADDER = ((PROMPTS[0], GENERATES[0]), (256, 64), (128, 32), (64, 16), (32, 8))
TRIAL = Test(prompt=32, generate=5)
# Three rounds of warm-up are usual; the rest is the start of a process, and looks at the device and at its roofs.
WARM_PROMPT, WARM_GENERATE, REST_S = 3 * 16, 3 * 4, 1.5
LOOKED_AT = 20  # newest runs of the target and model: who named lengths in all of them has left the series anyway
STAYS = 1.25  # an earlier step is left when its repetitions are off the budget by more than this

Step = tuple[int, int]


@dataclass(frozen=True)
class Asked:
    """The lists that were named, each None where it was not; `earlier` returns the step of the run before, or None."""

    prompt: tuple[int, ...] | None = None
    generate: tuple[int, ...] | None = None
    depth: tuple[int, ...] | None = None
    earlier: Callable[[], Step | None] = lambda: None
    judges: bool = False  # texts: nothing is generated

    @property
    def names_lengths(self) -> bool:
        """Whether there is nothing to choose."""
        return self.prompt is not None and (self.generate is not None or self.judges)

    @property
    def trial(self) -> Test:
        """What is tried, where there is something to choose."""
        return replace(TRIAL, generate=0) if self.judges else TRIAL

    def cells(self, step: Step = LADDER[0]) -> tuple[Test, ...]:
        """Return the cells, with `step` for what was not named; UsageError as `cells_of`."""
        prompt, generate = step
        cells = cells_of(
            (prompt,) if self.prompt is None else self.prompt,
            GENERATES if self.judges else (generate,) if self.generate is None else self.generate,
            DEPTHS if self.depth is None else self.depth,
        )
        return tuple(replace(cell, generate=0) for cell in cells) if self.judges else cells


def choose_lengths(
    device: Device, engines: list[Engine], plan: Plan, asked: Asked, progress: Progress, clock: Clock
) -> tuple[list[Engine], Plan]:
    """Return engine and plan with the lengths that a trial of the only engine asks for.

    Nothing changes where lengths were named, or where a trial gave no number, which is told.
    """
    (engine,) = engines
    if asked.names_lengths or not isinstance(engine, RunnerEngine):
        return engines, plan
    with progress.phase(f"trial {asked.trial.label}"):
        wait_until_quiet(device, plan, clock, progress.now)
        rate = engine.try_once(asked.trial)
    if isinstance(rate, str):
        progress.note(f"trial {asked.trial.label}: {rate}")
        return engines, plan
    plan = with_lengths(plan, asked, rate, progress)
    return [engine.with_plan(replace(plan, threads=engine.plan.threads))], plan


def with_lengths(plan: Plan, asked: Asked, rate: Rate | None, progress: Progress) -> Plan:
    """Return the plan with the lengths that a trial's `rate` asks for; unchanged where there was no rate."""
    if rate is None:
        return plan
    lengths = lengths_for(rate, plan.measure.budget_s, asked.earlier)
    if lengths.prompt != LADDER[0][0]:
        progress.note(_why(lengths))
    return replace(plan, cells=asked.cells((lengths.prompt, lengths.generate)), lengths=lengths)


def lengths_for(rate: Rate, budget_s: float, earlier: Callable[[], Step | None]) -> Lengths:
    """Return the longest step whose least repetitions fit into the budget, or the earlier one where that is near it.

    `earlier` is asked only where it could matter: on a fast machine nobody looks for it.
    """
    ladder = ladder_of(rate)
    fitting = next((step for step in ladder if _repeated_s(step, rate) <= budget_s), ladder[-1])
    near = [step for step in ladder if step != fitting and _is_near(step, fitting, rate, budget_s)]
    before = earlier() if near else None
    step = before if before in near else fitting
    rates = rate.prefill_tok_per_s, rate.decode_tok_per_s
    return Lengths(*step, *rates, repetition_s(step, rate), repetition_s(ladder[0], rate), kept=step != fitting)


def ladder_of(rate: Rate) -> tuple[Step, ...]:
    """Return the steps, longest first; who generates nothing has those of the prompt alone."""
    return LADDER if rate.decode_tok_per_s is not None else tuple((prompt, 0) for prompt, _ in LADDER)


def repetition_s(step: Step, rate: Rate) -> float:
    """Return about how many seconds a repetition takes, its warm-up and its start included."""
    prompt, generate = step[0] + WARM_PROMPT, step[1] + WARM_GENERATE
    decode_s = generate / rate.decode_tok_per_s if rate.decode_tok_per_s is not None else 0.0
    return prompt / rate.prefill_tok_per_s + decode_s + REST_S


def _repeated_s(step: Step, rate: Rate) -> float:
    return LEAST_REPEATS * repetition_s(step, rate)


def _is_near(other: Step, fitting: Step, rate: Rate, budget_s: float) -> bool:
    """Whether the speed is so near to the border between two steps that a machine may stay on the other one."""
    if other > fitting:
        return _repeated_s(other, rate) <= budget_s * STAYS
    return _repeated_s(fitting, rate) > budget_s / STAYS


def _why(lengths: Lengths) -> str:
    return f"{shorter(lengths)} here; --prompt and --generate name others"


def shorter(lengths: Lengths) -> str:
    """Return what was chosen, and what would have become of the usual lengths."""
    prompt, generate = LADDER[0]
    took = human_seconds(LEAST_REPEATS * lengths.default_s)
    chosen, usual = f"{lengths.prompt} + {lengths.generate}", f"{prompt} + {generate}"
    if not lengths.generate:
        chosen, usual = f"{lengths.prompt}", f"{prompt}"
    return f"{chosen} tokens: {LEAST_REPEATS} repetitions of {usual} would take about {took}"


def earlier_step(target: str, label: str, serial_hash: str) -> Step | None:
    """Return prompt and generate as the newest run of this device and model chose them, or None."""
    of_model = [entry for entry in store.entries(target) if entry.may_be_of(label)]
    for record in store.read_entries(reversed(of_model[-LOOKED_AT:])):
        step = _chosen_step(record, label, serial_hash) if isinstance(record, RunRecord) else None
        if step is not None:
            return step
    return None


def _chosen_step(record: RunRecord, label: str, serial_hash: str) -> Step | None:
    lengths = record.plan.lengths
    if record.model.label != label or record.device.serial_hash != serial_hash or not lengths:
        return None
    return lengths.prompt, lengths.generate
