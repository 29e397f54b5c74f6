"""What `lab run` is asked for, as one record: the command line, a resumption, a fleet and `lab.run` each make it.

Models and targets are imported when a name is looked up: the help of a verb reads the names of the engines here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.core.errors import UsageError
from lab.core.home import shown
from lab.core.suggest import check_known
from lab.formats.run.blocks import RevisionBlock

if TYPE_CHECKING:
    from lab.core.progress import Progress
    from lab.formats.target import TargetSpec
    from lab.models.catalog import ModelSpec
    from lab.models.sources import WeightSource

ENGINES = ("tvm", "mlc", "llama.cpp", "ik_llama.cpp")


@dataclass(frozen=True)
class Choice:
    """What to build for what, as the options say it; None is the option left out."""

    target: str
    model: str
    layers: int | None = None
    weights: Path | None = None
    seed: int | None = None
    address: str | None = None
    lora: Path | None = None

    def resolved(self, progress: Progress) -> tuple[TargetSpec, ModelSpec, WeightSource]:
        """Return what the names stand for; each that stands for nothing is an error that says so."""
        from lab.formats.target import load_target, reached
        from lab.models.folder_model import own_name, resolve_with

        spec = resolve_with(self.model, self.layers, self.weights)
        if own_name(self.model, self.weights):
            progress.note(f"{spec.preset_name}: no preset; its network is the one of {shown(self.weights)}")
        target = load_target(self.target)
        return reached(target, self.address), spec, open_source(spec, self.weights, self.seed, self.lora, progress)


def open_source(
    spec: ModelSpec, weights: Path | None, seed: int | None, lora: Path | None, progress: Progress
) -> WeightSource:
    """Return the weights that --weights or --seed name, with the adapter of --lora merged into them.

    UsageError where both are named, WeightsError for a bad folder.
    """
    from lab.models.sources import SyntheticSource, open_folder, with_adapter

    if weights is not None and seed is not None:
        raise UsageError("--seed is of synthetic weights; it cannot be used with --weights")
    source = SyntheticSource(spec.config, seed or 0) if weights is None else open_folder(weights, spec.config)
    if lora is not None:
        source = with_adapter(source, lora, spec)
    for note in source.notes:
        progress.note(f"warning: {note}")
    return source


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """One run on one target; a field has the name of its option of `lab run`, and None leaves it to the target.

    Lengths that nobody named are chosen by a trial (lab.measure.lengths). Without `engines` the target's own is taken.
    `tags` and `revision` go on record as they are. UsageError for an engine that is none.
    """

    target: str
    model: str
    layers: int | None = None
    weights: Path | None = None
    lora: Path | None = None
    seed: int | None = None
    address: str | None = None
    accept_new: bool = False
    engines: tuple[str, ...] = ()
    prompt: tuple[int, ...] | None = None
    generate: tuple[int, ...] | None = None
    depth: tuple[int, ...] | None = None
    repeats: int | None = None
    threads: int | None = None
    profile: bool = False
    image: Path | None = None
    tags: tuple[str, ...] = ()
    revision: RevisionBlock | None = None
    dump_ir: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a name that could mean nothing, before anything is built."""
        check_engines(self.engines)

    @property
    def choice(self) -> Choice:
        """What to build for what."""
        return Choice(self.target, self.model, self.layers, self.weights, self.seed, self.address, self.lora)


def check_engines(names: tuple[str, ...]) -> None:
    """Raise UsageError, with the nearest name, for one that is no engine."""
    for name in names:
        check_known("engine", name, ENGINES)
