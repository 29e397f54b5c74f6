"""What a run was measured on and with, in about eight lines: what is not known is left out."""

from __future__ import annotations

from typing import Any

from lab.analysis.run.gpu import gpu_device, is_gpu_run
from lab.core.text import clipped
from lab.core.units import human_bytes
from lab.formats.run_record import RunRecord
from lab.measure.share import share_words

COMMIT_CHARS = 12


def environment(record: RunRecord) -> list[tuple[str, str]]:
    """Return (name, text) of each line: processor, cores, system, kernel, governor, compiler, commit, build."""
    lines = (
        ("Target", _target(record)),
        ("CPU", _cpu(record)),
        ("GPU", _gpu(record)),
        ("Cores", _cores(record)),
        ("OS", _text(record.device.facts.get("os"))),
        ("Kernel", _kernel(record)),
        ("Governor", _text(record.device.facts.get("governor"))),
        ("Compiler", _compiler(record)),
        ("Commit", _commit(record)),
        ("Build", _build(record)),
    )
    return [(name, text) for name, text in lines if text]


def _target(record: RunRecord) -> str:
    """The target's description, and the way there; nothing of this machine, which every line below is of."""
    spec = record.target.spec
    way = (spec.get("device") or {}).get("transport")
    if way == "local":
        return ""
    by = f"by {clipped(way)}" if isinstance(way, str) and way != "none" else ""
    text = ", ".join(filter(None, (_text(spec.get("description")), by)))
    return f"{record.target.name}: {text}" if text else record.target.name


def _cpu(record: RunRecord) -> str:
    """The processor and what of it was used: the features that the build has no use for say nothing."""
    model = _text(record.device.facts.get("cpu_model"))
    used = "" if is_gpu_run(record) else (record.engine.effective or "").removeprefix("cpu ")
    return ", ".join(filter(None, (model, clipped(used) if used != model else "")))


def _gpu(record: RunRecord) -> str:
    found = gpu_device(record)
    return ", ".join(clipped(text) for text in (found.device, found.driver) if text)


def _cores(record: RunRecord) -> str:
    facts = record.device.facts
    share = "" if is_gpu_run(record) else share_words(record.engine.threads, facts)
    total = facts.get("mem_total_bytes")
    memory = f"{human_bytes(total)} of memory" if isinstance(total, int) and total else ""
    return ", ".join(filter(None, (share, "virtual machine" if facts.get("virtual") is True else "", memory)))


def _kernel(record: RunRecord) -> str:
    kernel, pages = (_text(record.device.facts.get(name)) for name in ("kernel", "huge_pages"))
    return ", ".join(filter(None, (kernel, f"huge pages {pages}" if pages else "")))


def _compiler(record: RunRecord) -> str:
    """The engine, and what compiled its library and lab's runner; an LLVM of TVM's own has no number."""
    names = {"tvm": "TVM", "mlc_llm": "MLC-LLM", "llvm": "LLVM"}
    versions = {name: text for name in (record.engine.name, *names) if (text := record.engine.versions.get(name))}
    known = [f"{names.get(name, name)} {clipped(text)}" for name, text in versions.items() if text[:1].isdigit()]
    compiler = (record.engine.runner or {}).get("compiler")
    return ", ".join([*known, *([f"runner by {clipped(compiler)}"] if compiler else [])])


def _commit(record: RunRecord) -> str:
    """The revision that was measured, and the lab that measured."""
    revision, lab = record.revision, record.lab
    measured = "" if revision is None else f"{revision.commit[:COMMIT_CHARS]}{_changed(revision.dirty)}"
    own = f"{lab.git_commit[:COMMIT_CHARS]}{_changed(lab.git_dirty)} of " if lab.git_commit else ""
    by = f"{own}lab {lab.version}"
    if record.imported:
        return f"{measured}, imported by lab {lab.version}" if measured else ""
    if measured:
        return f"{measured}, by lab {lab.version}" if own.startswith(measured) else f"{measured}, by {by}"
    return by


def _changed(dirty: bool | None) -> str:
    return " with uncommitted changes" if dirty else ""


def _build(record: RunRecord) -> str:
    weights = record.weights
    source = clipped(f"random weights, {weights.source_id}" if weights.synthetic else f"weights of {weights.source_id}")
    layout = f"layout {weights.layout}" if weights.layout else ""
    adapter = clipped(f"adapter {weights.adapter.name}") if weights.adapter else ""
    known = (record.bundle.key[:COMMIT_CHARS], layout, source if weights.source_id else "", adapter)
    return ", ".join(filter(None, known))


def _text(value: Any) -> str:
    """A fact as text: a list with commas; nothing where there is none."""
    if isinstance(value, list | tuple):
        return ", ".join(clipped(one) for one in value)
    return clipped(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
