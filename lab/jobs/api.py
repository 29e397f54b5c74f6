"""Jobs as functions for Python programs: `lab.run(...)` and `lab.compile(...)`; docs/notebooks.md shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from lab.core.progress import NullProgress, Progress
from lab.devices.link import Access
from lab.formats.revision import measured_revision
from lab.formats.run_record import RunRecord
from lab.formats.tags import check_tag
from lab.formats.target import load_target
from lab.jobs import run as job
from lab.jobs.build import Pipeline
from lab.jobs.interrupt import Interrupted
from lab.jobs.options import RunOptions
from lab.models.folder_model import resolve_with

Numbers = int | Sequence[int] | None


def run(
    target: str,
    model: str,
    *,
    layers: int | None = None,
    weights: str | PathLike[str] | None = None,
    lora: str | PathLike[str] | None = None,
    seed: int | None = None,
    address: str | None = None,
    accept_new: bool = False,
    engines: Sequence[str] = (),
    prompt: Numbers = None,
    generate: Numbers = None,
    depth: Numbers = None,
    repeats: int | None = None,
    threads: int | None = None,
    profile: bool = False,
    image: str | PathLike[str] | None = None,
    tags: Sequence[str] = (),
    revision: str | None = None,
    dump_ir: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> tuple[RunRecord, ...]:
    """Measure a model on a target, build what is missing first, and return the stored record of each engine.

    The arguments are the options of `lab run`, and None means what leaving one out means there. A run that failed is a
    record too: look at its `status`. Nothing is printed; `progress` is told of phases and notes. A host key of a first
    contact is refused without `accept_new`, since nobody is asked.

    Raises:
        LabError: something stands for nothing, cannot be built, or cannot be measured; `what` and `hint` say it.
        KeyboardInterrupt: Ctrl-C; its text says what was kept.
    """
    told = progress or NullProgress()
    for tag in tags:
        check_tag(tag)
    options = RunOptions(
        target=target,
        model=model,
        layers=layers,
        weights=_path(weights),
        lora=_path(lora),
        seed=seed,
        address=address,
        accept_new=accept_new,
        engines=tuple(dict.fromkeys(engines)),
        prompt=_numbers(prompt),
        generate=_numbers(generate),
        depth=_numbers(depth),
        repeats=repeats,
        threads=threads,
        profile=profile,
        image=_path(image),
        tags=tuple(dict.fromkeys(tags)),
        revision=measured_revision(revision),
        dump_ir=_path(dump_ir),
    )
    with _ctrl_c():
        ran = job.run(options, told, Access(accept_new, None, told.note))
    if ran.kept is not None:
        raise KeyboardInterrupt(ran.kept)
    return ran.records


def compile(
    target: str,
    model: str,
    *,
    layers: int | None = None,
    weights: str | PathLike[str] | None = None,
    dump_ir: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Compile a model's library for a target; return its folder in compiled/lib/, as `lab compile` prints it.

    `weights` is the folder of a model that has no preset: its config.json is read.

    Raises:
        LabError: a name stands for nothing, or the model cannot be compiled for the target.
        KeyboardInterrupt: Ctrl-C; nothing half-made is left.
    """
    spec, wanted = resolve_with(model, layers, _path(weights)), load_target(target)
    with _ctrl_c():
        return Pipeline(progress or NullProgress()).library(spec, wanted, _path(dump_ir))


@contextmanager
def _ctrl_c() -> Iterator[None]:
    """Let Ctrl-C be what it is to every other Python program."""
    try:
        yield
    except Interrupted as stop:
        raise KeyboardInterrupt(stop.kept) from stop


def _numbers(given: Numbers) -> tuple[int, ...] | None:
    if given is None:
        return None
    return (given,) if isinstance(given, int) else tuple(dict.fromkeys(given))


def _path(given: str | PathLike[str] | None) -> Path | None:
    return None if given is None else Path(given)
