"""One process of llama-bench: from its output to rows that bear out what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.core.errors import MeasureError
from lab.core.proc import CommandError, describe_code
from lab.devices.base import Device
from lab.formats.test import Test
from lab.measure.attempt import after_ctrl_c, tail
from lab.measure.llama.command import Command
from lab.measure.llama.output import Row, Watched, check_line, read_output
from lab.measure.llama.peer import Peer
from lab.measure.runner.invocation import HUGE_PAGES


@dataclass(frozen=True)
class Said:
    """What one process gave: a row for each test, what the kernel counted of it, and what it was built for."""

    rows: list[Row]
    watched: Watched
    isa: str | None = None


class LlamaFailed(Exception):  # noqa: N818 - never leaves this folder
    """A process that gave nothing to believe: `ending` is "failed", or "rejected" where there is a result."""

    def __init__(self, ending: str, reason: str) -> None:
        super().__init__(reason)
        self.ending = ending
        self.reason = reason


def call(device: Device, peer: Peer, argv: Sequence[str], timeout_s: float) -> Said:
    """Run llama-bench, with the huge pages that our runner has too, and return what it said.

    Raises:
        LlamaFailed: it crashed, was killed, ran out of time, or its output makes no sense.
        DeviceUnreachableError, KeyboardInterrupt: as the device does.
    """
    lines: list[str] = []

    def take(line: str) -> None:
        check_line(line, len(lines))
        lines.append(line)

    try:
        done = device.run(argv, timeout_s=timeout_s, on_line=take, env=HUGE_PAGES)
        if done.code != 0:
            raise LlamaFailed("failed", describe_code(done.code) + tail(done.stderr))
        return Said(*read_output(peer, lines), peer.isa(done.stderr))
    except CommandError as problem:
        raise LlamaFailed("failed", problem.reason + tail(problem.completed.stderr)) from problem
    except MeasureError as problem:
        if after_ctrl_c(problem):
            raise KeyboardInterrupt from problem
        raise LlamaFailed("failed", problem.what) from problem


def only_row(said: Said, test: Test, command: Command, elements: int) -> Row:
    """Return the one row of a call for one test; LlamaFailed("rejected") when it is not what was asked."""
    if len(said.rows) != 1:
        raise LlamaFailed("rejected", f"llama-bench ran {len(said.rows)} tests instead of 1")
    (row,) = said.rows
    check_row(row, test, command, elements)
    return row


def check_row(
    row: Row, test: Test, command: Command, elements: int, *, threads: int | None = None, rounds: int = 1
) -> None:
    """Refuse a row of another test, model, cache, processor, or number of samples: LlamaFailed("rejected").

    `threads` None: the command's own.
    """
    shown = command.peer.shown(command.flash, command.repack)
    asked = (
        ("prompt tokens", test.prompt, row.n_prompt),
        ("generated tokens", test.generate, row.n_gen),
        ("tokens of depth", test.depth, row.n_depth),
        ("threads", threads or command.plan.threads, row.n_threads),
        ("samples", rounds, len(row.samples_ns)),
        ("layers on a GPU", 0, row.n_gpu_layers),
        ("type of keys", command.kv_type, row.type_k),
        ("type of values", command.kv_type, row.type_v),
        ("parameters", elements, row.model_n_params),
        *((name, wanted, row.extra.get(name)) for name, wanted in shown.items()),
    )
    wrong = [f"{what} {found} instead of {wanted}" for what, wanted, found in asked if wanted != found]
    if wrong:
        raise LlamaFailed("rejected", f"llama-bench ran something else: {', '.join(wrong)}")
