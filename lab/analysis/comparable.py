"""What keeps two runs, two cells or two numbers from being held against each other."""

from __future__ import annotations

from collections.abc import Iterator

from lab.analysis.gpu import computes_on_cpu, fell_back, is_gpu_run
from lab.analysis.marks import Mark
from lab.core.run_record import Cell, RunRecord


def run_obstacle(a: RunRecord, b: RunRecord, *, emulated: bool = False) -> str | None:
    """Say why the two runs do not measure the same thing at all; None when they may be compared.

    Two runs of emulated devices may be only when that was asked for with `emulated`.
    """
    if a.protocol.version != b.protocol.version:
        return f"protocol {a.protocol.version} against {b.protocol.version}"
    if (a.model.layers, a.model.layers_total) != (b.model.layers, b.model.layers_total):
        cut = a.model.layers != a.model.layers_total or b.model.layers != b.model.layers_total
        if cut:
            return f"{_layers(a)} against {_layers(b)}"
    if a.device.emulated != b.device.emulated:
        return f"{_device(a)} against {_device(b)}"
    if a.device.emulated and not emulated:
        return "emulated devices: their times say nothing about real ones (--emulated compares them all the same)"
    if a.extra.get("disturbed_by") != b.extra.get("disturbed_by"):
        return "one of them was disturbed on purpose"
    return _gpu_obstacle(a, b)


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
    return ("not-comparable", f"swapped in {' and '.join(swapped)}") if swapped else None


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
    return tuple(f"{what}: {one} against {other}" for what, one, other in _facts(a, b) if one != other)


def _facts(a: RunRecord, b: RunRecord) -> Iterator[tuple[str, str, str]]:
    for what, read in (
        ("model", lambda run: run.model.label),
        ("weights", lambda run: f"{run.weights.source} ({run.weights.source_id})"),
        ("target", lambda run: run.target.name),
        ("device", lambda run: f"{run.device.facts.get('cpu_model')} [{run.device.serial_hash[:8]}]"),
        ("engine", lambda run: run.engine.name),
        ("ran on", lambda run: str(run.engine.effective)),
        ("threads", lambda run: str(run.engine.threads)),
        ("lab", lambda run: f"{run.lab.version} {(run.lab.git_commit or '')[:9]}".strip()),
        ("library", lambda run: run.bundle.key[:12]),
        ("settings", lambda run: run.plan.settings_fingerprint),
        ("status", lambda run: run.status),
    ):
        yield what, read(a), read(b)


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


def _layers(run: RunRecord) -> str:
    whole = run.model.layers == run.model.layers_total
    return "the whole model" if whole else f"{run.model.layers} of {run.model.layers_total} layers"


def _device(run: RunRecord) -> str:
    return "an emulated device" if run.device.emulated else "a real one"
