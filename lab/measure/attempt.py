"""One process of the runner, from its start to its end or its fall."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lab.core.errors import MeasureError
from lab.core.proc import CommandError, Completed, describe_code
from lab.core.text import printable
from lab.devices.base import Device
from lab.ondevice.events import Error, Verify
from lab.ondevice.run_log import RunLog

STDERR_LINES = 5
STDERR_CHARS = 500
REASON_CHARS = 500

Ending = Literal["whole", "wrong_output", "failed", "rejected"]


@dataclass(frozen=True)
class Attempt:
    """How a process ended, and why when that is not well. What it said is in its RunLog.

    `by_device` is true where the device is to blame and not the program: it was lost, hung, or killed the program, as
    it does when memory runs out. `said` is all that the runner said of its error where `reason` is only its beginning,
    as with the log of a driver's compiler.
    """

    ending: Ending
    reason: str | None = None
    by_device: bool = False
    said: str | None = None


def attempt(device: Device, argv: Sequence[str], env: Mapping[str, str], timeout_s: float, log: RunLog) -> Attempt:
    """Run `argv` on the device and fill `log` line by line, which also holds after Ctrl-C.

    A crash, a kill, a timeout or a reported error is "failed". Output that makes no sense is "failed" too,
    or "rejected" once the timed part has come: there is a result then, and it can't be believed.

    Raises:
        DeviceUnreachableError: the device went away.
    """
    how = _run(device, argv, env, timeout_s, log)
    wrong = None if log.verify is None else why_wrong(log.verify)
    return how if wrong is None else Attempt("wrong_output", wrong)


def explained(how: Attempt, kv_overflow_layers: Sequence[int], kv_dtype: str) -> Attempt:
    """Return a broken attempt with the reason that the conversion of its weights has foreseen, others as they are."""
    if how.ending != "wrong_output" or not kv_overflow_layers:
        return how
    layers = ("layer " if len(kv_overflow_layers) == 1 else "layers ") + ", ".join(map(str, kv_overflow_layers))
    return replace(how, reason=f"{how.reason}; KV cache overflows {kv_dtype} in {layers}")


def why_wrong(verify: Verify) -> str | None:
    """Return why the verified bundle computes the wrong thing, or None. The number counts, not the word."""
    if verify.rel_error is None:
        return "the model computes no numbers at all for the reference prompt"
    if not verify.rel_error <= verify.rel_error_max:
        return (
            "the logits differ from the reference:"
            f" relative error {verify.rel_error:.3g}, allowed {verify.rel_error_max:.3g}"
        )
    return None if verify.passed else "the runner says that the logits differ from the reference"


def _run(device: Device, argv: Sequence[str], env: Mapping[str, str], timeout_s: float, log: RunLog) -> Attempt:
    def take(line: str) -> None:
        log.feed(line)

    try:
        done = device.run(argv, timeout_s=timeout_s, on_line=take, env=env)
    except CommandError as problem:
        return Attempt("failed", problem.reason + tail(problem.completed.stderr), by_device=True)
    except MeasureError as problem:
        if after_ctrl_c(problem):
            raise KeyboardInterrupt from problem
        return Attempt("failed" if log.submit is None else "rejected", problem.what)
    return _judge(done, log)


def after_ctrl_c(problem: BaseException | None) -> bool:
    """Whether the nonsense was among the last words of a runner that Ctrl-C ends: then Ctrl-C is what counts."""
    while problem is not None and not isinstance(problem, KeyboardInterrupt):
        problem = problem.__context__
    return problem is not None


def _judge(done: Completed, log: RunLog) -> Attempt:
    if log.error is not None:
        return _failed(log.error)
    if log.end is not None and log.end.status == "interrupted":
        return Attempt("failed", "the runner was told to stop by somebody else")
    if done.code != 0:
        killed = done.code == -signal.SIGKILL
        return Attempt("failed", describe_code(done.code) + tail(done.stderr), by_device=killed)
    if log.end is None:
        return Attempt("failed", "the runner ended without saying how" + tail(done.stderr))
    return Attempt("whole")


def _failed(error: Error) -> Attempt:
    """Return the error with its first line as the reason."""
    first, _, rest = error.message.partition("\n")
    short = printable(first)[:REASON_CHARS]
    whole = "\n".join(map(printable, error.message.splitlines())) if rest or len(first) > len(short) else None
    return Attempt("failed", f"{error.where}: {short}", said=whole)


def tail(stderr: str) -> str:
    """Return the end of what a program complained of, in one line, to put behind how it ended."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    text = printable(" / ".join(lines[-STDERR_LINES:]))[-STDERR_CHARS:]
    return f": {text}" if text else ""
