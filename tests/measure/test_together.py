"""Two engines in one session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab import store
from lab.formats.run_record import RunRecord
from lab.measure.plan import cells_of
from lab.measure.session import Interrupted
from tests.measure.bench import Said
from tests.measure.peers import Peers


def orders(record: RunRecord) -> list[list[int]]:
    return [[row.order for row in cell.repetitions] for cell in record.cells]


def test_they_take_turns_and_order_counts_them_all(peers: Peers) -> None:
    ours, theirs = peers.run(repeats=4)
    assert (ours.engine.name, theirs.engine.name) == ("tvm", "llama.cpp")
    assert orders(ours) == [[0, 3, 4, 7]]
    assert orders(theirs) == [[1, 2, 5, 6]]
    assert [row.index for row in theirs.cells[0].repetitions] == [0, 1, 2, 3]


def test_with_several_cells_too(peers: Peers) -> None:
    ours, theirs = peers.run(cells=cells_of([8, 16], [20], [0]), repeats=2)
    assert orders(ours) == [[0, 5], [3, 6]]
    assert orders(theirs) == [[1, 4], [2, 7]]


def test_each_has_a_record_of_its_own_and_they_share_a_session(peers: Peers) -> None:
    records = peers.run()
    assert len({record.run_id for record in records}) == 2
    (session,) = {record.session for record in records}
    assert session
    again = peers.run()
    assert again[0].session != session
    stored = {record.run_id: record for record in store.iter_runs() if isinstance(record, RunRecord)}
    assert [stored[record.run_id] for record in records] == list(records)


def test_the_roof_is_read_once_for_both_and_beside_each_repetition(peers: Peers) -> None:
    ours, theirs = peers.run(repeats=3)
    assert len(peers.bench.calls("bandwidth")) == 2 + 2 * 2 * 3
    assert ours.bandwidth == theirs.bandwidth


def test_each_repetition_is_told_with_its_engine(peers: Peers) -> None:
    peers.run(repeats=1)
    assert [note.split(":")[0] for note in peers.bench.progress.notes] == ["tvm pp8+tg20 1/1", "llama.cpp pp8+tg20 1/1"]
    assert ("measure", 2, "repetitions") in peers.bench.progress.phases


def test_one_that_fails_does_not_stop_the_other(peers: Peers) -> None:
    peers.faults = {"*": "sigsegv"}
    ours, theirs = peers.run()
    assert (ours.status, theirs.status) == ("ok", "failed")
    assert ours.cells[0].memory is not None
    assert theirs.cells[0].memory is None


def test_a_broken_bundle_ends_the_session(peers: Peers) -> None:
    peers.bench.faults = {"0": "broken"}
    ours, theirs = peers.run()
    assert ours.status == "wrong_output"
    assert (theirs.status, theirs.reason) == ("failed", "the session ended: tvm computes the wrong thing")
    assert peers.calls() == []


def test_ctrl_c_keeps_both(peers: Peers) -> None:
    def stop(text: str) -> None:
        if len(peers.bench.progress.notes) == 3:
            raise KeyboardInterrupt

    peers.bench.progress = Said(stop)
    peers.bench.plan = replace(peers.bench.plan, repeats=3)
    with pytest.raises(Interrupted) as caught:
        peers.run()
    records = [record for record, _ in caught.value.all]
    assert [[row.status for row in record.cells[0].repetitions] for record in records] == [["ok"], ["ok", "ok"]]
    assert [record.status for record in records] == ["interrupted"] * 2
    assert [store.load(path) for _, path in caught.value.all] == records


def test_what_disturbs_on_purpose_is_in_both_records(peers: Peers) -> None:
    assert [record.disturbed_by for record in peers.run(repeats=1)] == [None, None]
    peers.disturbed_by = "a busy loop"
    assert [record.disturbed_by for record in peers.run()] == ["a busy loop"] * 2
