from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab import store
from lab.core.lock import device_lock
from lab.measure.journal import Journal
from lab.measure.plan import cells_of
from lab.measure.session import Interrupted
from tests.measure.bench import Bench, Said
from tests.measure.samples import QUIET, FakeTime, ScriptedDevice


@pytest.fixture
def stopped(bench: Bench) -> Bench:
    bench.plan = replace(bench.plan, cells=cells_of([8, 16], [20], [0]), repeats=2)
    return bench


@pytest.mark.parametrize("fault", ["hang", "deaf", "babble"])
def test_while_the_runner_works(stopped: Bench, fault: str) -> None:
    stopped.faults = {"2": fault}
    with stopped.ctrl_c_while_it_hangs(), pytest.raises(Interrupted) as caught:
        stopped.run()
    record = caught.value.record
    assert store.load(caught.value.path) == record
    assert (record.status, record.reason) == ("interrupted", "stopped by Ctrl-C")
    assert [[row.status for row in cell.repetitions] for cell in record.cells] == [["ok", "interrupted"], ["ok"]]
    assert [(cell.status, cell.reason) for cell in record.cells] == [
        ("interrupted", "1 of 2 repetitions were done")
    ] * 2
    assert stopped.hanging_process_is_gone()
    with device_lock(stopped.device.serial, "the next session"):
        pass


def test_what_the_runner_still_says_is_kept_without_a_rate(stopped: Bench) -> None:
    stopped.faults = {"0": "hang"}
    with stopped.ctrl_c_while_it_hangs(), pytest.raises(Interrupted) as caught:
        stopped.run()
    row = caught.value.record.cells[0].repetitions[0]
    assert (row.submit_ns, row.token_ns) == (7_000_000_000, (8_000_000_000,))
    assert (row.prefill_tok_per_s, row.ttft_s, row.itl_s) == (None, None, None)
    assert caught.value.record.cells[1].status == "not_run"


def test_while_the_gate_waits(stopped: Bench) -> None:
    busy = {**QUIET, "busy_fraction": 0.9}
    stopped.device = ScriptedDevice(lambda count: QUIET if count < 3 else busy)

    class ImpatientTime(FakeTime):
        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt

    stopped.time = ImpatientTime()
    with pytest.raises(Interrupted) as caught:
        stopped.run()
    record = caught.value.record
    assert record.status == "interrupted"
    assert [len(cell.repetitions) for cell in record.cells] == [1, 1]


@pytest.mark.parametrize("after", [1, 2, 4])
def test_between_repetitions(stopped: Bench, after: int) -> None:
    def stop(text: str) -> None:
        if len(stopped.progress.notes) == after:
            raise KeyboardInterrupt

    stopped.progress = Said(stop)
    with pytest.raises(KeyboardInterrupt) as caught:
        stopped.run()
    assert isinstance(caught.value, Interrupted)
    record = caught.value.record
    assert sum(len(cell.repetitions) for cell in record.cells) == after
    assert store.load(caught.value.path).status == "interrupted"


def test_in_the_memory_pass_all_repetitions_are_there(stopped: Bench) -> None:
    stopped.faults = {"4": "hang"}
    with stopped.ctrl_c_while_it_hangs(), pytest.raises(Interrupted) as caught:
        stopped.run()
    record = caught.value.record
    assert record.status == "interrupted"
    assert [(cell.status, cell.reason, cell.memory) for cell in record.cells] == [("ok", None, None)] * 2
    assert record.bandwidth is not None
    assert record.bandwidth.after


class StoppedInBandwidth(ScriptedDevice):
    """Ctrl-C comes while the runner reads memory, for the time number `left` (from 1)."""

    left = 1

    def run(self, argv: Any, **options: Any) -> Any:
        self.left -= "bandwidth" in argv
        if self.left == 0:
            raise KeyboardInterrupt
        return super().run(argv, **options)


def test_before_the_first_repetition(stopped: Bench) -> None:
    stopped.device = StoppedInBandwidth()
    with pytest.raises(Interrupted) as caught:
        stopped.run()
    record = caught.value.record
    assert (record.status, [cell.status for cell in record.cells]) == ("interrupted", ["not_run"] * 2)
    assert store.load(caught.value.path) == record


def test_right_after_a_repetition_which_is_kept(stopped: Bench) -> None:
    stopped.device = StoppedInBandwidth()
    stopped.device.left = 3  # the roof, then before and after the first repetition
    with pytest.raises(Interrupted) as caught:
        stopped.run()
    (row,) = caught.value.record.cells[0].repetitions
    assert (row.status, row.bandwidth_bytes_per_s) == ("ok", (30e9, 31e9))
    assert store.load(caught.value.path) == caught.value.record


def test_ctrl_c_again_while_the_run_is_being_kept(stopped: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody keeps the keys down: the record is whole all the same, and the end says where it is."""
    finish, calls = Journal.finish, []

    def impatient(journal: Journal, *args: Any) -> Any:
        calls.append(args)
        if len(calls) < 4:
            raise KeyboardInterrupt
        return finish(journal, *args)

    monkeypatch.setattr(Journal, "finish", impatient)
    stopped.faults = {"2": "hang"}
    with stopped.ctrl_c_while_it_hangs(), pytest.raises(Interrupted) as caught:
        stopped.run()
    assert store.load(caught.value.path).status == "interrupted"
    assert str(caught.value.path) in caught.value.kept
