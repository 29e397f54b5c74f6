"""Seconds from the start of a process to its first token, ours and a peer's by turns: loading, repacking, prefilling.

Both files are in the page cache. Ours is lab-bench with no warm-up, to the stamp of its first token. A peer's is its
llama-bench with no warm-up and a prefill alone, to the line that it prints when that is computed. Starting the process
counts on both sides, and choosing the token on ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.sessions import Ask, builder_for, opened
from lab.core.errors import MeasureError
from lab.core.lock import device_lock
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.formats.test import Test
from lab.measure.attempt import attempt
from lab.measure.conditions.gates import wait_until_quiet
from lab.measure.conditions.samplers import Clock
from lab.measure.engine import Engine
from lab.measure.llama.call import LlamaFailed, check_row
from lab.measure.llama.engine import LlamaEngine
from lab.measure.llama.output import check_line, read_rows
from lab.measure.plan import plan_for
from lab.measure.runner.engine import RunnerEngine
from lab.measure.runner.invocation import HUGE_PAGES
from lab.measure.share import default_threads
from lab.ondevice.run_log import RunLog

CELL = Test(prompt=128, generate=2)
_STAMP = '"samples_ns"'  # stands in a row, which is printed when its test is over


def first_tokens_s(ask: Ask, isa: str, progress: Progress) -> dict[str, list[float]]:
    """Return the times of each engine, taken by turns after one start of each that counts for nothing.

    `isa` is the best instruction set of this machine, which a peer that says what it was built for must have.

    Raises:
        MeasureError: a process failed, or computed something else, or was built for less.
    """
    builder = builder_for(ask, progress)
    with opened(builder) as device, ExitStack() as held:
        setups, _ = builder.setups(ask.engines, device)
        held.enter_context(device_lock(device.serial, setups[0].what, progress.note))
        facts = device.facts()
        plan = plan_for(builder.target, (CELL,), default_threads(facts)).changed(warmup_cap=0)
        starts = {one.name: _start(one, isa) for one in (setup.prepare(device, facts, plan) for setup in setups)}
        times: dict[str, list[float]] = {name: [] for name in starts}
        with progress.phase("first token of a cold process", (ask.repeats + 1) * len(starts), "starts") as advance:
            for index in range(ask.repeats + 1):
                for name in list(starts) if index % 2 else reversed(starts):
                    wait_until_quiet(device, plan, Clock())
                    times[name].append(starts[name](device))
                    advance(1)
        return {name: found[1:] for name, found in times.items()}


def _start(engine: Engine, isa: str) -> Callable[[Device], float]:
    if isinstance(engine, RunnerEngine):
        return lambda device: ours_s(engine, device)
    if isinstance(engine, LlamaEngine):
        return lambda device: theirs_s(engine, device, isa)
    raise MeasureError(f"{engine.name}: nothing is known of its first token")


def ours_s(engine: RunnerEngine, device: Device) -> float:
    """Start lab-bench once; return the seconds to its first token, which it stamps by the clock of this machine."""
    log, invocation = RunLog(), engine.invocation
    began_ns = time.monotonic_ns()
    how = attempt(device, invocation.timed(CELL, verify=False), invocation.env, engine.plan.measure.timeout_s, log)
    if how.ending != "whole" or not log.tokens:
        raise MeasureError(f"{engine.name}: no first token: {how.reason}")
    took_s = (log.tokens[0].t_ns - began_ns) / 1e9
    if took_s <= 0:
        raise MeasureError(f"{engine.name}: its first token is stamped by another clock than this machine's")
    return took_s


def theirs_s(engine: LlamaEngine, device: Device, isa: str) -> float:
    """Start llama-bench once, repacking; return the seconds to the row of its prefill."""
    command, shape = replace(engine.prefill, repack=True), Test(CELL.prompt, 0)
    lines: list[str] = []
    stamps_ns: list[int] = []

    def take(line: str) -> None:
        check_line(line, len(lines))
        lines.append(line)
        if _STAMP in line:
            stamps_ns.append(time.monotonic_ns())

    began_ns = time.monotonic_ns()
    done = device.run(command.cold(shape), timeout_s=engine.plan.measure.timeout_s, on_line=take, env=HUGE_PAGES)
    rows = read_rows(command.peer, lines)
    if done.code != 0 or len(rows) != 1 or not stamps_ns:
        raise MeasureError(f"{engine.name}: no first token: exit code {done.code}, {len(rows)} rows")
    try:
        check_row(rows[0], shape, command, engine.manifest.elements)
    except LlamaFailed as problem:
        raise MeasureError(f"{engine.name}: {problem.reason}") from problem
    if command.peer.isa(done.stderr) not in (None, isa):
        hint = f"{command.peer.build} builds one for this processor"
        raise MeasureError(f"{engine.name} was built for {command.peer.isa(done.stderr)}, and here is {isa}", hint=hint)
    return (stamps_ns[0] - began_ns) / 1e9
