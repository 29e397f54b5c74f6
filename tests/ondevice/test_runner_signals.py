"""A run that is asked to stop says what it had."""

from __future__ import annotations

import signal
import subprocess
import threading

import pytest

from lab.ondevice.run_log import RunLog
from tests.ondevice import oracle
from tests.ondevice.conftest import Bench, Stub, there
from tests.ondevice.stub_model import VOCAB


def interrupted(argv: list[str], env: dict[str, str], after: str, number: int, delay_s: float) -> tuple[int, RunLog]:
    """Run and send the signal `delay_s` after the first event called `after`."""
    log = RunLog()
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        sent = False
        for line in process.stdout:
            event = log.feed(line.rstrip("\n"))
            if not sent and type(event).__name__ == after:
                threading.Timer(delay_s, process.send_signal, [number]).start()
                sent = True
    return process.returncode, log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tokens_so_far_are_kept(bench: Bench, stub: Stub, number: int) -> None:
    argv = bench.argv(stub.folder, "--warmup-cap", "1", prompt=4, generate=90_000)
    code, log = interrupted(argv, bench.env, "Warm", number, 0.5)
    assert code == 128 + number
    end = there(log.end)
    assert end.status == "interrupted"
    assert log.submit is not None
    assert 0 < len(log.tokens) == end.generated_tokens < 90_000
    first = oracle.generate(stub.weights, oracle.splitmix64_ids(0, 4, VOCAB), 20)[0]
    assert [token.id for token in log.tokens[:20]] == first[: len(log.tokens)]
    assert log.memory is not None


def test_nothing_was_submitted_when_it_came_before(bench: Bench, stub: Stub) -> None:
    argv = bench.argv(stub.folder, "--warmup-cap", "1000", "--warmup-spread", "0", prompt=16)
    code, log = interrupted(argv, bench.env, "Warmup", signal.SIGTERM, 0.0)
    assert code == 128 + signal.SIGTERM
    end = there(log.end)
    assert (end.status, end.prompt_tokens, end.generated_tokens) == ("interrupted", 0, 0)
    assert log.submit is None
