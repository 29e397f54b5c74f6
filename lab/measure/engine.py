"""What a session measures: an engine with a model in it, and one repetition of it in the making."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lab.devices.base import Device
from lab.formats.run_record import (
    BundleRecord,
    CellMemory,
    EngineRecord,
    ModelBlock,
    Repetition,
    TimesRecord,
    VerifyResult,
    WeightsBlock,
)
from lab.formats.target import TargetSpec
from lab.formats.test import Test
from lab.measure.attempt import Attempt
from lab.measure.conditions.gates import Conditions
from lab.measure.plan import Plan


@dataclass(frozen=True)
class Described:
    """The blocks of a record that an engine fills; `stated` is where it keeps the protocol in its own way."""

    model: ModelBlock
    weights: WeightsBlock
    engine: EngineRecord
    bundle: BundleRecord
    stated: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """What the processes of a repetition reported beside its numbers.

    `effective` is what really ran, `engine` are further fields of the engine block; both are taken once a run.
    """

    verify: VerifyResult | None = None
    effective: str | None = None
    engine: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rate:
    """How fast a short probe went with a number of threads, in tokens per second; None of a model that makes none."""

    threads: int
    prefill_tok_per_s: float
    decode_tok_per_s: float | None


class Trial(Protocol):
    """One repetition in the making. What its processes said stays here, after Ctrl-C too."""

    def run(self) -> Attempt:
        """Run to the end, in fresh processes.

        Raises:
            DeviceUnreachableError: the device went away.
            KeyboardInterrupt: everything that was started is gone by then.
        """

    def row(self, how: Attempt, around: Conditions) -> Repetition:
        """Return the repetition that ended like `how`: with numbers when it is whole, else with a reason."""

    def interrupted(self, around: Conditions) -> Repetition:
        """Return the repetition that Ctrl-C ended: no numbers."""

    def findings(self) -> Findings:
        """Return what was said by now."""


class Engine(Protocol):
    """A model in an engine on a device, ready to run. `plan` has the engine's own number of threads."""

    @property
    def name(self) -> str:
        """What it is called on the command line and in records."""

    @property
    def plan(self) -> Plan:
        """The session's plan with this engine's threads."""

    @property
    def target(self) -> TargetSpec:
        """The target as this engine serves it."""

    @property
    def times(self) -> TimesRecord:
        """What was spent on building it."""

    def described(self) -> Described:
        """Return the record's blocks as they are known before anything ran."""

    def trial(self, cell: Test, *, verify: bool) -> Trial:
        """Return one repetition of `cell`, not started; with `verify` it checks the bundle where it can."""

    def memory(self, cell: Test, previous: CellMemory | None) -> CellMemory:
        """Measure the memory of `cell` in a process of its own; `previous` is the pass before."""

    def rates(self, counts: Sequence[int], cell: Test) -> list[Rate]:
        """Probe each number of threads with the small `cell`, more than once, and return what gave numbers.

        Raises:
            MeasureError: not one did.
        """

    def with_threads(self, threads: int, tried: Sequence[Rate]) -> Engine:
        """Return the engine set to `threads`, which `tried` was the reason for."""


class Setup(Protocol):
    """An engine as it is asked for, before the device is ours."""

    @property
    def what(self) -> str:
        """The model and the target, for whoever waits for the device."""

    def prepare(self, device: Device, facts: dict[str, Any], plan: Plan) -> Engine:
        """Check that it can work on this device, bring it there, and return it.

        Raises:
            BundleError: what it runs is damaged.
            DeviceError, MeasureError: the plan does not fit the device or the model.
        """
