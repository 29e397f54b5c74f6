"""A cell in all detail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lab import store
from lab.analysis.boards.build import build_board, open_cell
from lab.analysis.boards.detail import cell_detail, differences
from lab.analysis.boards.histogram import histogram
from lab.analysis.points.build import points_of
from lab.analysis.points.key import CellKey
from lab.analysis.points.load import load_points
from lab.core.errors import StoreError
from lab.formats.dashboard import load_dashboard
from lab.formats.run_record import RunRecord
from tests.analysis.boards.samples import session


def key_of(record: RunRecord) -> CellKey:
    return next(one.cell for one in points_of([record]).keys if one.cell.metric == "decode_tok_per_s")


def test_samples_are_in_the_order_in_which_they_ran() -> None:
    record = session(1)
    cell = record.cells[0]
    turned = replace(cell, repetitions=tuple(replace(one, order=4 - one.index) for one in cell.repetitions))
    detail = cell_detail(replace(record, cells=(turned,)), key_of(record))
    assert detail is not None
    assert [one.order for one in detail.samples] == [0, 1, 2, 3, 4]
    assert [one.value for one in detail.samples] == pytest.approx([10.2, 10.1, 10.0, 9.9, 9.8])
    assert len(detail.gaps_s) == 5 * 127
    assert detail.memory_counter == "VmHWM"
    assert detail.memory[0][0] == 0.0
    assert {one.phase for one in detail.positions} == {"prefill", "decode"}


def test_roofs_are_those_of_show() -> None:
    detail = cell_detail(session(1), key_of(session(1)))
    assert detail is not None
    decode = next(one for one in detail.positions if one.phase == "decode")
    assert decode.roof_bytes_per_s == 32e9
    assert decode.ops_per_byte is not None
    assert decode.bytes_per_s is not None
    assert decode.ops_per_s == pytest.approx(decode.ops_per_byte * decode.bytes_per_s)
    assert decode.fraction == pytest.approx(decode.bytes_per_s / 32e9)


def test_the_environment_says_what_differs_and_nothing_else() -> None:
    a = session(1)
    facts = {**a.device.facts, "governor": "powersave", "cores": 4}
    b = replace(a, device=replace(a.device, facts=facts))
    assert [(one.what, one.baseline, one.here) for one in differences(a, b)] == [
        ("device.facts.cores", "2", "4"),
        ("device.facts.governor", "–", "powersave"),
    ]
    assert differences(a, a) == ()


def test_traces_of_strangers_may_have_any_shape() -> None:
    record = session(1)
    state = {"t_s": [0, 1, 2], "die_temp_c": [40, "hot"], "cpu_mhz": [[1000, 2000], None, 3], "mem_available_bytes": 7}
    one = replace(record.cells[0].repetitions[0], state_during=state)
    detail = cell_detail(replace(record, cells=(replace(record.cells[0], repetitions=(one,)),)), key_of(record))
    assert detail is not None
    (trace,) = detail.traces
    assert trace.die_temp_c == (40.0, None, None)
    assert trace.clock_mhz == (2000.0, None, 3.0)
    assert trace.mem_available_bytes == (None, None, None)


@pytest.mark.parametrize("many", [8, 24, 40, 400])
def test_one_outlier_does_not_take_the_axis_of_a_histogram(many: int) -> None:
    gaps = [0.139 + 0.0005 * (number % 8) for number in range(many - 1)] + [1.62]
    found = histogram(gaps)
    assert found is not None
    assert found.edges_s[-1] < 0.15
    assert (found.above, found.max_s) == (1, 1.62)
    assert sum(found.counts) + found.above == many
    assert max(found.counts) < many - 1 or len(found.counts) < 3


def test_a_second_mode_stays_on_the_axis_of_a_histogram() -> None:
    found = histogram([0.1 + 0.0001 * (number % 10) for number in range(80)] + [0.2] * 20)
    assert found is not None
    assert (found.above, found.counts[-1]) == (0, 20)


def test_a_histogram_counts_every_gap_once() -> None:
    gaps = [*np.random.default_rng(0).normal(0.05, 0.002, 1000).tolist(), 5.0]
    found = histogram(gaps)
    assert found is not None
    assert sum(found.counts) + found.above == len(gaps)
    assert found.max_s == 5.0
    assert found.edges_s[-1] < 0.1
    assert found.p50_s == pytest.approx(0.05, rel=0.01)
    assert histogram([]) is None
    flat = histogram([0.1] * 10)
    assert flat is not None
    assert sum(flat.counts) == 10


def test_a_cell_of_a_stored_board_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    for day, commit in ((1, "a"), (2, "b")):
        store.save(session(day, commit=commit))
    board = build_board(load_dashboard("compare"), load_points().points)
    cell = board.rows[0].main
    detail = open_cell(cell)
    assert detail.run_id.startswith("20261102")
    assert detail.baseline_run_id.startswith("20261101")
    assert any(one.what == "revision.commit" for one in detail.environment)
    Path(str(store.run_path(session(2, commit="b")))).write_text("{")
    with pytest.raises(StoreError):
        open_cell(cell)


def test_a_test_that_is_not_there_is_none() -> None:
    assert cell_detail(session(1), replace(key_of(session(1)), prompt=3)) is None


def test_throttled_is_said_of_clocks_and_heat_alone() -> None:
    record = session(1)
    cell, one = record.cells[0], record.cells[0].repetitions[0]
    by = {
        "the clock fell by 20%, from 3000 to 2400 MHz": "throttled",
        "late gaps took 1.10 times the early ones": "slowed",
    }
    for reason, word in by.items():
        slow = replace(one, throttled=True, throttled_reason=reason)
        detail = cell_detail(replace(record, cells=(replace(cell, repetitions=(slow,)),)), key_of(record))
        assert detail is not None
        assert [sample.slowing for sample in detail.samples] == [word]
        assert any("slowed within the run by 10 %" in flag for flag in detail.flags) == (word == "slowed")
