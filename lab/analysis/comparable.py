"""What keeps two runs, two cells or two numbers from being held against each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.analysis.marks import Mark
from lab.analysis.points.key import Conditions
from lab.analysis.points.named import fields_against
from lab.analysis.points.settings import facts_of, settings_of
from lab.analysis.run.flags import DOUBTFUL, doubts
from lab.analysis.run.gpu import computes_on_cpu, fell_back, is_gpu_run
from lab.core.text import printable
from lab.formats.run_record import Cell, RunRecord

EMULATED = "emulated devices: their times say nothing about real ones (--emulated compares them all the same)"


def run_obstacle(a: RunRecord, b: RunRecord, *, emulated: bool = False) -> str | None:
    """Say why the two runs do not measure the same thing at all; None when they may be compared.

    Two runs of emulated devices may be only when that was asked for with `emulated`.
    """
    obstacle = _work_obstacle(_work(a), _work(b), emulated=emulated)
    if obstacle is not None:
        return obstacle
    if a.extra.get("disturbed_by") != b.extra.get("disturbed_by"):
        return "one of them was disturbed on purpose"
    return _gpu_obstacle(a, b)


def conditions_obstacle(a: Conditions, b: Conditions, *, emulated: bool = False) -> str | None:
    """Say why points under conditions `a` and `b` are never held against each other; None when they may be."""
    obstacle = _work_obstacle(_conditions_work(a), _conditions_work(b), emulated=emulated)
    if obstacle is None and a.counter != b.counter:
        return f"two counters: {printable(a.counter) or 'unknown'} against {printable(b.counter) or 'unknown'}"
    return obstacle


@dataclass(frozen=True)
class _Work:
    """What was measured by which rules."""

    protocol: str
    layers: int
    layers_total: int
    emulated: bool


def _work(run: RunRecord) -> _Work:
    rules = str(run.protocol.extra.get("name") or run.protocol.version)  # of another tool, where it was imported
    return _Work(rules, run.model.layers or 0, run.model.layers_total or 0, run.device.emulated)


def _conditions_work(one: Conditions) -> _Work:
    return _Work(one.protocol, one.layers, one.layers_total, one.emulated)


def _work_obstacle(a: _Work, b: _Work, *, emulated: bool) -> str | None:
    if a.protocol != b.protocol:
        return f"protocol {printable(a.protocol)} against {printable(b.protocol)}"
    if (a.layers, a.layers_total) != (b.layers, b.layers_total):
        cut = a.layers != a.layers_total or b.layers != b.layers_total
        if cut:
            return f"{_layers(a)} against {_layers(b)}"
    if a.emulated != b.emulated:
        return f"{_device(a)} against {_device(b)}"
    return EMULATED if a.emulated and not emulated else None


def _gpu_obstacle(a: RunRecord, b: RunRecord) -> str | None:
    for side, run in (("A", a), ("B", b)):
        if fell_back(run):
            return f"{side} fell back: a GPU was asked for, and a CPU computed"
    if is_gpu_run(a) and is_gpu_run(b) and computes_on_cpu(a) != computes_on_cpu(b):
        return "OpenCL on a CPU against OpenCL on a GPU"
    return None


def cell_obstacle(a: Cell, b: Cell) -> tuple[Mark, str] | None:
    """Return the mark and reason for a cell that has no numbers on a side, or none to compare."""
    good_a, good_b = _has_numbers(a), _has_numbers(b)
    if good_a and not good_b:
        if b.status in ("not_run", "interrupted"):
            return "missing", f"B: {_how(b)}"
        return "broke", f"B: {_how(b)}"
    if good_b and not good_a:
        return ("new" if a.status in ("not_run", "interrupted") else "fixed"), f"A: {_how(a)}"
    if not good_a:
        return "not-comparable", f"no numbers: A {_how(a)}; B {_how(b)}"
    swapped = [side for side, cell in (("A", a), ("B", b)) if any(one.swap_bytes for one in cell.repetitions)]
    if swapped:
        return "not-comparable", f"swapped in {' and '.join(swapped)}"
    doubted = [side for side, cell in (("A", a), ("B", b)) if doubts(cell)]
    return ("not-comparable", f"{DOUBTFUL} in {' and '.join(doubted)}") if doubted else None


def metric_obstacle(name: str, a: Cell, b: Cell, n_a: int, n_b: int) -> str | None:
    """Say why one metric of two sound cells cannot be compared."""
    if not n_a or not n_b:
        return f"not measured in {'A' if not n_a else 'B'}"
    if name == "rss_peak_bytes" and _counters(a) != _counters(b):
        return f"two counters: {_named(_counters(a))} against {_named(_counters(b))}"
    return None


def notes(a: RunRecord, b: RunRecord) -> tuple[str, ...]:
    """Return what differs between two runs that may be compared: the reader decides whether it matters."""
    if a.run_id == b.run_id:
        return ("A and B are the same run",)
    told = tuple(f"{what}: {one} against {other}" for what, one, other in _facts(a, b) if one != other)
    return told + fields_against(*(dict(facts_of(run) + settings_of(run)) for run in (a, b)))


def _facts(a: RunRecord, b: RunRecord) -> Iterator[tuple[str, str, str]]:
    for what, read in (
        ("model", lambda run: run.model.label),
        ("weights", lambda run: f"{run.weights.source} ({run.weights.source_id})"),
        ("target", lambda run: run.target.name),
        ("device", _device_of),
        ("engine", lambda run: run.engine.name),
        ("ran on", lambda run: str(run.engine.effective)),
        ("threads", lambda run: str(run.engine.threads)),
        ("CPU quota", lambda run: str(run.device.facts.get("cpu_quota_cores") or "none")),
        ("lab", lambda run: f"{run.lab.version} {(run.lab.git_commit or '')[:9]}".strip()),
        ("library", lambda run: run.bundle.key[:12]),
        ("status", lambda run: run.status),
    ):
        yield what, read(a), read(b)


def _device_of(run: RunRecord) -> str:
    """The device of lab's own runs; what another tool says of one is told by field."""
    return "" if facts_of(run) else f"{run.device.facts.get('cpu_model')} [{run.device.serial_hash[:8]}]"


def _has_numbers(cell: Cell) -> bool:
    return any(repetition.status == "ok" for repetition in cell.repetitions)


def _how(cell: Cell) -> str:
    reasons = dict.fromkeys(one.reason for one in cell.repetitions if one.reason)
    why = cell.reason or "; ".join(reasons)
    return f"{cell.status.replace('_', ' ')}" + (f" ({why})" if why else "")


def _counters(cell: Cell) -> set[str]:
    return {str(one.rss_peak_counter) for one in cell.repetitions if one.status == "ok"}


def _named(counters: set[str]) -> str:
    return " and ".join(sorted(counters))


def _layers(work: _Work) -> str:
    whole = work.layers == work.layers_total
    return "the whole model" if whole else f"{work.layers} of {work.layers_total} layers"


def _device(work: _Work) -> str:
    return "an emulated device" if work.emulated else "a real one"
