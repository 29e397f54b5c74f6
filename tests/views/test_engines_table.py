from __future__ import annotations

import pytest

from lab.analysis.compare.side_by_side import side_by_side
from lab.analysis.listing import lines_of
from lab.analysis.points.build import points_of
from lab.views.console import to_text
from lab.views.runs.engines_table import engines_table
from lab.views.runs.run_table import run_table
from lab.views.runs.runs_table import runs_table
from tests.analysis.documents import DOCUMENT, cell, failed_repetition, record
from tests.analysis.test_side_by_side import ours, peer, peer_cell
from tests.views.snapshot import WIDTHS, check


@pytest.mark.parametrize("width", WIDTHS)
def test_two_engines(width: int) -> None:
    both = ours(cells=[cell(), cell(depth=64)]), peer(cells=[peer_cell(), peer_cell(depth=64)])
    text = check("engines", engines_table(side_by_side(both), width), width)
    assert max(map(len, text.splitlines())) <= width


def test_what_was_not_measured_is_a_dash_and_a_failure_is_a_word() -> None:
    lost = {**peer_cell(), "status": "failed", "repetitions": [failed_repetition(0, "crash")], "memory": None}
    text = to_text(engines_table(side_by_side([ours(), peer(cells=[lost], status="failed", reason="crash")]), 100), 100)
    (line,) = [line for line in text.splitlines() if "(failed)" in line]
    assert line.split()[3:] == ["–", "–", "1,", "then", "2", "–", "–", "–", "–"]
    assert "run failed: crash" in text
    assert "times as fast" not in text


def test_a_probe_without_samples_does_not_break_the_page() -> None:
    counts = [{"threads": 1, "prefill_tok_per_s": [], "decode_tok_per_s": []}]
    strange = ours(engine={**DOCUMENT["engine"], "threads_tried": {"prompt": 32, "generate": 17, "counts": counts}})
    assert "threads tried: prefill 1: – tok/s; decode 1: – tok/s" in to_text(
        engines_table(side_by_side([strange, peer()]), 100), 100
    )


def test_other_tables_name_the_engine_that_is_not_ours() -> None:
    assert "phi3-mini-q4 in llama.cpp on local" in to_text(run_table(peer(), 100), 100)
    listed = lines_of(points_of([record(), peer()]))
    assert "phi3-mini-q4 in llama.cpp" in to_text(runs_table(listed, [], 120, "none"), 120)
