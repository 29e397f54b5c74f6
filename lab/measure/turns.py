"""The repetitions of a session: cells take turns, and engines within them, so that drift is shared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lab.core.errors import DeviceUnreachableError
from lab.core.progress import Advance, Progress
from lab.core.units import about_seconds
from lab.devices.base import Device
from lab.formats.run_record import Cell, Repetition
from lab.formats.test import Test
from lab.measure.attempt import Attempt
from lab.measure.conditions.gates import Conditions, Gate, wait_until_quiet
from lab.measure.conditions.samplers import Clock, StateSampler
from lab.measure.enough import Standing, repeats_for, standing
from lab.measure.journal import Lane
from lab.measure.plan import Plan
from lab.measure.roofs import glance
from lab.measure.runner.invocation import Placed

WAITS = 2  # longest waits for a quiet device that a session spends in all, where it adapts to a budget of time


@dataclass(frozen=True)
class Turn:
    """Engine and cell by their numbers, and which repetition of that pair it is."""

    engine: int
    cell: int
    index: int


def turns(engines: int, cells: int, repeats: int, begun: int = 0) -> Iterator[Turn]:
    """Yield every repetition once, in order; two engines go A B, then B A, in each cell and from cell to cell.

    The first `begun` of the repetitions are behind us.
    """
    for index in range(begun, repeats):
        for cell in range(cells):
            forward = range(engines)
            for engine in forward if (index + cell) % 2 == 0 else reversed(forward):
                yield Turn(engine, cell, index)


class Repetitions:
    """The repetitions of a session: each waits for a quiet device, is watched, and goes on record when it is done.

    `loop` is the fastest that reads memory; it is looked at around each.
    """

    def __init__(
        self,
        device: Device,
        lanes: Sequence[Lane],
        plan: Plan,
        progress: Progress,
        placed: Placed,
        clock: Clock,
        loop: str | None,
    ) -> None:
        self.device = device
        self.lanes = lanes
        self.plan = plan
        self.progress = progress
        self.placed = placed
        self.clock = clock
        self.loop = loop
        self.waited_s = 0.0  # for a quiet device

    def run(self) -> Lane | None:
        """Run the repetitions in turns, as many as the plan comes to; return an engine that is broken."""
        began, done, broken = self.clock.now(), 0, None
        while done < self.plan.repeats and broken is None:
            done, broken = self._leg(done, began)
        return broken

    def _leg(self, done: int, began: float) -> tuple[int, Lane | None]:
        """Run repetitions up to the planned number, or until another one is planned; return how many are done."""
        planned, some = self.plan.repeats, len(self.lanes) * len(self.plan.cells)
        with self.progress.phase(self._phase(done), some * (planned - done), "repetitions") as advance:
            while done < planned == self.plan.repeats:
                if broken := self._round(done, advance):
                    return done, broken
                done += 1
                self._plan_repeats(repeats_for(self._standing(done), self.plan, self.clock.now() - began))
        return done, None

    def _round(self, begun: int, advance: Advance) -> Lane | None:
        """Run one repetition of each cell with each engine."""
        cells, several = self.plan.cells, len(self.lanes) > 1
        for order, turn in enumerate(
            turns(len(self.lanes), len(cells), begun + 1, begun), len(self.lanes) * len(cells) * begun
        ):
            lane = self.lanes[turn.engine]
            row = self._repetition(lane, turn, order)
            name = f"{lane.engine.name} " if several else ""
            self.progress.note(name + progress_line(cells[turn.cell], row, self.plan.repeats))
            advance(1)
            if row.status == "wrong_output":
                return lane
        return None

    def _phase(self, begun: int) -> str:
        if begun:
            more, precision = self.plan.repeats - begun, self.plan.measure.precision * 100
            return f"measure {more} more, for ±{precision:g} %"
        lengths = self.plan.lengths
        if lengths is None or self.plan.cells != (Test(lengths.prompt, lengths.generate),):
            return "measure"  # nobody knows how long these take
        return f"measure, {about_seconds(self.plan.repeats * lengths.repetition_s)}"

    def _standing(self, done: int) -> Standing:
        return standing((rates for lane in self.lanes for cell in lane.cells for rates in _rates(cell)), done)

    def _plan_repeats(self, repeats: int) -> None:
        self.plan = replace(self.plan, repeats=repeats)
        for lane in self.lanes:
            lane.journal.plan_repeats(repeats)

    def _repetition(self, lane: Lane, turn: Turn, order: int) -> Repetition:
        plan, journal, cell = lane.engine.plan, lane.journal, self.plan.cells[turn.cell]
        gate, before = self._wait(plan)
        around = Conditions(turn.index, order, gate, before, glance(self.device, self.placed, self.plan, self.loop))
        trial = lane.engine.trial(cell, verify=not journal.verified)
        sampler = StateSampler(self.device, plan.sample_interval_s, plan.threads, self.clock)
        try:
            with sampler:
                how = trial.run()
        except KeyboardInterrupt:
            journal.add(turn.cell, trial.interrupted(replace(around, during=sampler.series())), trial.findings())
            raise
        except DeviceUnreachableError as gone:
            around = replace(around, during=sampler.series(), log=self.device.forensics())
            journal.add(turn.cell, trial.row(Attempt("failed", gone.what, by_device=True), around), trial.findings())
            raise
        around = replace(around, during=sampler.series())
        try:
            around = self._afterwards(how, around)
        except (KeyboardInterrupt, DeviceUnreachableError):
            journal.add(turn.cell, trial.row(how, around), trial.findings())
            raise
        row = trial.row(how, around)
        journal.add(turn.cell, row, trial.findings())
        return row

    def _wait(self, plan: Plan) -> tuple[Gate, dict[str, Any]]:
        """Wait until the device is quiet; where time is short, one that stays busy is not waited for each time."""
        longest_s = plan.measure.gate_timeout_s
        if plan.adapts:
            longest_s = max(0.0, min(longest_s, WAITS * longest_s - self.waited_s))
        gate, state = wait_until_quiet(
            self.device, plan.changed(gate_timeout_s=longest_s), self.clock, self.progress.now
        )
        self.waited_s += gate.waited_s
        return gate, state

    def _afterwards(self, how: Attempt, around: Conditions) -> Conditions:
        """Look at the device once more, and at its log when something went wrong."""
        log = self.device.forensics() if how.ending == "failed" else []
        around = replace(around, after=self.device.state(window_s=0), log=log)
        later = glance(self.device, self.placed, self.plan, self.loop)
        return replace(around, bandwidth=(*around.bandwidth, *later))


def _rates(cell: Cell) -> Iterator[list[float]]:
    """Yield the finished repetitions of each rate that the cell has, in order."""
    finished = [row for row in cell.repetitions if row.status == "ok"]
    for name in ("prefill_tok_per_s", "decode_tok_per_s") if cell.generate else ("prefill_tok_per_s",):
        yield [getattr(row, name) for row in finished]


def progress_line(cell: Test, row: Repetition, repeats: int) -> str:
    """Say how a repetition went: `pp512+tg128 3/5: prefill 35.2 tok/s, decode 14.1 tok/s`."""
    place = f"{cell.label} {row.index + 1}/{repeats}"
    if row.status != "ok":
        return f"{place}: {row.status}: {row.reason}"
    if row.judgements_per_s is not None:
        numbers = f"{place}: {row.judgements_per_s:.3g} judgements/s, prefill {row.prefill_tok_per_s:.1f} tok/s"
    else:
        numbers = f"{place}: prefill {row.prefill_tok_per_s:.1f} tok/s, decode {row.decode_tok_per_s:.1f} tok/s"
    return numbers + "".join(f" ({mark})" for mark in _marks(row))


def _marks(row: Repetition) -> list[str]:
    marks = [] if row.gate is None or row.gate.kept else [row.gate.reason or "started although the device was busy"]
    marks += ["warm-up not converged"] if row.warmup is not None and not row.warmup.stable else []
    marks += [row.slowing] if row.slowing else []
    if row.cpu_quota is None or not row.cpu_quota.throttled_periods:
        return marks
    stopped, periods = row.cpu_quota.throttled_periods, row.cpu_quota.periods
    return [*marks, f"stopped by the CPU quota in {stopped} of {periods} periods"]
