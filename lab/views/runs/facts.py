"""Sentences about a recorded run that several views share."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from lab.analysis.run.gpu import is_gpu_run
from lab.analysis.run.roofline import matrix_kinds
from lab.core.units import human_seconds
from lab.formats.metrics import NOT_MEASURED
from lab.formats.run.blocks import PeakKind
from lab.formats.run_record import RunRecord
from lab.measure.enough import half_width
from lab.measure.lengths import LADDER, shorter
from lab.measure.plan import MOST_REPEATS
from lab.measure.share import share_words
from lab.views.units import giga_ops_per_s, gigabytes_per_s

OURS = "tvm"
F32: PeakKind = "f32"
PHASES = ("compile", "convert", "runner", "measure")
COUNTED = "from the minimum operations and bytes of the model, times the median rate"


def model_words(record: RunRecord) -> str:
    """The model, and the engine where it is not lab's own."""
    engine = record.engine.name
    return record.model.label if engine == OURS else f"{record.model.label} in {engine}"


def ran_on(record: RunRecord) -> str:
    """Processor, what really ran, threads: a GPU's kernels run on none of them."""
    cpu = record.device.facts.get("cpu_model") or "an unnamed processor"
    effective = record.engine.effective or ""
    version = record.engine.versions.get(record.engine.name) or ""
    engine = f"{record.engine.name} {version}".strip()
    threads = "" if is_gpu_run(record) else share_words(record.engine.threads, record.device.facts)
    return ", ".join(filter(None, (cpu, effective, threads, engine)))


def checked(record: RunRecord) -> str:
    """Whether the bundle computes the right thing."""
    found = record.verify
    if found is None:
        return "not checked against the reference"
    if found.rel_error is None:
        return "FAILED: the logits are not numbers"
    token = "matches" if found.argmax_match else "differs"
    verdict = "" if found.passed else "FAILED: "
    error = f"relative logit error {found.rel_error:.2g} (limit {found.rel_error_max:.2g})"
    answer = "first token" if record.model.labels is None else "best label"
    return f"{verdict}{error}, {answer} {token}"


def chosen(record: RunRecord) -> str:
    """What lab itself chose of repetitions and lengths, and why; empty where all was named."""
    return "; ".join(filter(None, (_repeats(record), _lengths(record))))


def roof_words(record: RunRecord) -> str:
    """What the memory bandwidth was measured to be, and when."""
    found = record.bandwidth
    if found is None or not (found.before or found.after):
        return "memory bandwidth was not measured"
    passes = (("before", found.before), ("after", found.after))
    shown = [f"{gigabytes_per_s(statistics.median(values))} GB/s {when}" for when, values in passes if values]
    return f"memory bandwidth with {_threads(found.threads)}: {', '.join(shown)}"


def peak_words(record: RunRecord) -> str:
    """What the arithmetic peak was measured to be, and when: of what the run is held against."""
    found = record.peak
    if found is None or not (found.before.int8_ops_per_s or found.after.int8_ops_per_s):
        return "arithmetic peak was not measured"
    kinds = [kind for kind in matrix_kinds(record) if found.before.of(kind) or found.after.of(kind)][:1]
    shown = [f"{kind} {_medians(found.before.of(kind), found.after.of(kind))}" for kind in dict.fromkeys([*kinds, F32])]
    return f"arithmetic peak with {_threads(found.threads)}: {'; '.join(shown)}"


def roofs_in_short(record: RunRecord) -> str:
    """Both roofs in a line, from before to after; empty where they are not known, or not of what computed."""
    read, peak = record.bandwidth, record.peak
    if is_gpu_run(record) or read is None:
        return ""
    parts = [f"{_range(read.before, read.after, gigabytes_per_s)} GB/s"]
    kinds = dict.fromkeys([*matrix_kinds(record), F32]) if peak else ()
    parts += [
        f"{kind} {_range(peak.before.of(kind), peak.after.of(kind), giga_ops_per_s)} GOP/s"
        for kind in kinds
        if peak and (peak.before.of(kind) or peak.after.of(kind))
    ]
    return f"roofs with {_threads(read.threads)}, before and after: {', '.join(parts)}"


def _range(before: Sequence[float], after: Sequence[float], shown: Callable[[float | None], str]) -> str:
    """The medians of both passes; one number where they read alike."""
    ends = dict.fromkeys(shown(statistics.median(values)) for values in (before, after) if values)
    return " and ".join(ends) or NOT_MEASURED


def _medians(before: Sequence[float], after: Sequence[float]) -> str:
    passes = (("before", before), ("after", after))
    shown = [f"{giga_ops_per_s(statistics.median(values))} GOP/s {when}" for when, values in passes if values]
    return ", ".join(shown)


def time_spent(record: RunRecord) -> str:
    """The last line: where the time of the whole command went."""
    spent = [(name, value) for name in PHASES if (value := getattr(record.time_s, name)) is not None]
    parts = [f"{name} {human_seconds(value)}" for name, value in spent]
    total = record.time_s.total
    if total is None:
        return f"Time: {', '.join(parts) or 'not recorded'}"
    rest = total - sum(value for _, value in spent)
    parts += [f"the rest {human_seconds(rest)}"] if rest >= 0.1 else []
    return f"Time: {human_seconds(total)} in all: {', '.join(parts)}"


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _repeats(record: RunRecord) -> str:
    plan = record.plan
    finished = any(row.status == "ok" for cell in record.cells for row in cell.repetitions)
    if not plan.adapts or plan.repeats is None or not finished:
        return ""
    precision, limit_s = plan.precision or 0.0, plan.budget_s or 0.0
    prefill = _widest(record, "prefill_tok_per_s")
    decode = _widest(record, "decode_tok_per_s") if any(cell.generate for cell in record.cells) else 0.0
    and_decode = f" and ±{_part(decode)} (decode)" if decode else ""
    known = f"{plan.repeats} repetitions: medians known to ±{_part(prefill)} (prefill){and_decode}"
    if max(prefill, decode) <= precision:
        return f"{known}, ±{_part(precision)} was wanted"
    return f"{known}; ±{_part(precision)} takes more than {MOST_REPEATS} of them, or than {human_seconds(limit_s)}"


def _widest(record: RunRecord, name: str) -> float:
    """The widest interval of a median, of all cells; infinite where one has fewer than two repetitions."""
    rows = ([row for row in cell.repetitions if row.status == "ok"] for cell in record.cells)
    return max((half_width([getattr(row, name) for row in some]) for some in rows), default=math.inf)


def _lengths(record: RunRecord) -> str:
    lengths = record.plan.lengths
    if not lengths:
        return ""
    return "" if lengths.prompt == LADDER[0][0] else shorter(lengths)


def _part(value: float) -> str:
    return "?" if math.isinf(value) else f"{value * 100:.2g} %"
