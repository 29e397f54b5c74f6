"""Errors a person can act on: each names the thing, the place, and the next step."""

from __future__ import annotations


class LabError(Exception):
    """Something the user can act on.

    `what` names the thing and the place, `hint` says the next step; the command line prints both and
    leaves with `exit_code`.
    """

    exit_code = 1
    recorded: tuple[str, ...] = ()  # paths of the runs on record that say it already

    def __init__(self, what: str, *, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return self.what


class UsageError(LabError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 2


class ConfigError(LabError):
    """A file that the user writes (a target, a dashboard) does not say what it should."""


class ModelError(LabError):
    """No such model, or one that cannot be built."""


class WeightsError(LabError):
    """A weight source is missing, damaged, or not the model that was asked for."""


class CompileError(LabError):
    """A model library or the runner could not be built."""


class BundleError(LabError):
    """A folder under compiled/ is damaged or not what its manifest says."""


class StoreError(LabError):
    """A recorded run is missing, damaged, or cannot be written."""


class ForeignFileError(LabError):
    """A file of another program does not hold what it should: names the file, the row and the column."""


class MeasureError(LabError):
    """A measurement cannot start, or what came back is not a measurement."""


class BusyError(LabError):
    """The device is being measured by somebody else."""


class DeviceError(LabError):
    """The device answered, and the answer is no."""


class DeviceFailedError(DeviceError):
    """The device was reached and cannot do its part: its disk is full, a transfer arrives damaged, a command hangs."""

    exit_code = 4


class DeviceUnreachableError(LabError):
    """The device does not answer."""

    exit_code = 4


class RegressionFound(LabError):  # noqa: N818 - a finding, not a failure
    """The work is done, and something got worse."""

    exit_code = 3


class NotComparableError(LabError):
    """The two sides do not measure the same thing."""

    exit_code = 5
