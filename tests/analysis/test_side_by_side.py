from __future__ import annotations

from typing import Any

import pytest

from lab.analysis.compare.runs import compare_runs
from lab.analysis.compare.side_by_side import Ratio, side_by_side
from lab.analysis.judging.judge import Policy
from lab.analysis.llama_bench import llama_bench_rows
from lab.analysis.run.stats import paired_ratio_interval, ratio_interval
from lab.core.errors import NotComparableError
from lab.formats.run_record import RunRecord
from tests.analysis.documents import DOCUMENT, GIB, cell, failed_repetition, record


def peer(**changes: Any) -> RunRecord:
    """The record of llama.cpp in the same session: what it cannot tell is null."""
    engine = {
        **DOCUMENT["engine"],
        "name": "llama.cpp",
        "effective": "CPU phi3 3B Q4_0, build abc1234",
        "versions": {"llama.cpp": None},
        "prefill_threads": 1,
        "threads_tried": {
            "prompt": 32,
            "generate": 17,
            "counts": [{"threads": 1, "prefill_tok_per_s": [30.0], "decode_tok_per_s": [9.0]}],
        },
    }
    cells = changes.pop("cells", [peer_cell()])
    return record(run_id="20261123-210000-ab12ce", session="s1", engine=engine, cells=cells, verify=None, **changes)


def peer_cell(**options: Any) -> dict[str, Any]:
    made = cell(**{"decodes": (4.9, 4.95, 5.0, 5.05, 5.1), "prefills": (24.0, 24.5, 25.0, 25.5, 26.0), **options})
    unknown = ("ttft_s", "ttst_s", "load_s", "itl_s", "submit_ns", "token_ns", "rss_peak_bytes", "warmup")
    rows = [{**row, **dict.fromkeys(unknown)} for row in made["repetitions"]]
    memory = {**made["memory"], "rss_peak_bytes": 6 * GIB, "kv_bytes": None, "workspace_bytes": None}
    return {**made, "repetitions": rows, "memory": memory}


def ours(**changes: Any) -> RunRecord:
    return record(session="s1", **changes)


def by_metric(*records: RunRecord) -> dict[str, Ratio]:
    return {ratio.metric: ratio for ratio in side_by_side(records).ratios}


def test_ratios_of_the_first_to_the_other() -> None:
    found = by_metric(ours(), peer())
    # Every pair has the ratio 2 exactly, however much both sides wander: so has the interval.
    for name in ("prefill_tok_per_s", "decode_tok_per_s"):
        assert found[name].ratio == pytest.approx(2.0)
        assert found[name].interval == pytest.approx((2.0, 2.0))
        assert found[name].pairs == 5
    assert found["rss_peak_bytes"].ratio == pytest.approx(0.5)
    assert found["rss_peak_bytes"].interval is None


def test_what_one_side_cannot_tell_has_no_ratio() -> None:
    assert "ttft_s" not in by_metric(ours(), peer())


def test_the_verdicts_are_sentences() -> None:
    found = by_metric(ours(), peer())
    assert found["prefill_tok_per_s"].words == (
        "tvm prefills 2.00 times as fast as llama.cpp, 95 % interval 2.00 to 2.00"
    )
    assert found["rss_peak_bytes"].words == (
        "tvm peaks at 0.50 times the memory of llama.cpp (one pass each: no interval)"
    )
    mixed = peer(cells=[peer_cell(decodes=(5.0, 20.0, 10.0, 8.0, 12.0))])
    assert by_metric(ours(), mixed)["decode_tok_per_s"].words.endswith("no difference is shown")


def test_too_few_pairs_have_no_interval_and_say_so() -> None:
    few = ours(cells=[cell((10.0, 10.0), (50.0, 50.0))]), peer(cells=[peer_cell(decodes=(5.0, 5.0), prefills=(25, 25))])
    found = by_metric(*few)["decode_tok_per_s"]
    assert (found.ratio, found.interval, found.pairs) == (pytest.approx(2.0), None, 2)
    assert found.words.endswith("but 2 of at least 3 pairs are too few for an interval")


def test_a_lost_repetition_takes_its_partner_out() -> None:
    lost = peer_cell()
    lost["repetitions"][0] = failed_repetition(0, "crash")
    found = by_metric(ours(), peer(cells=[lost]))["decode_tok_per_s"]
    assert (found.pairs, found.ratio) == (4, pytest.approx(2.0))


def test_a_cell_without_numbers_has_no_ratio() -> None:
    none = {**peer_cell(), "status": "failed", "repetitions": [failed_repetition(0, "crash")], "memory": None}
    assert side_by_side([ours(), peer(cells=[none])]).ratios == ()


def test_each_cell_and_each_other_engine() -> None:
    cells = [cell(), cell(depth=64)]
    third = record(session="s1", engine={**DOCUMENT["engine"], "name": "mlc"}, cells=cells)
    found = side_by_side([ours(cells=cells), peer(cells=[peer_cell(), peer_cell(depth=64)]), third])
    decodes = [(one.label, one.b) for one in found.ratios if one.metric == "decode_tok_per_s"]
    assert decodes == [
        ("pp512+tg128", "llama.cpp"),
        ("pp512+tg128", "mlc"),
        ("pp512+tg128@d64", "llama.cpp"),
        ("pp512+tg128@d64", "mlc"),
    ]


@pytest.mark.parametrize("sides", [[record(), peer()], [record(), record()], [ours()], [ours(), record(session="s2")]])
def test_other_sessions_are_refused(sides: list[RunRecord]) -> None:
    with pytest.raises(NotComparableError, match="not the engines of one session"):
        side_by_side(sides)


def test_pairs_are_resampled_whole() -> None:
    a, b = [1.0, 2.0, 4.0, 8.0, 16.0], [2.0, 4.0, 8.0, 16.0, 32.0]
    assert paired_ratio_interval(a, b) == pytest.approx((2.0, 2.0))
    unpaired = ratio_interval(a, b)
    assert unpaired is not None
    assert unpaired[1] / unpaired[0] > 4
    shuffled = paired_ratio_interval(a, [32.0, 2.0, 8.0, 4.0, 16.0])
    assert shuffled is not None
    assert shuffled[0] < 2 < shuffled[1]


def test_pairs_need_partners_and_numbers() -> None:
    assert paired_ratio_interval([1.0, 2.0], [1.0, 2.0]) is None
    assert paired_ratio_interval([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]) is None
    with pytest.raises(ValueError, match="3 samples cannot be paired with 2"):
        paired_ratio_interval([1.0, 2.0, 3.0], [1.0, 2.0])


def test_a_peer_can_be_compared_and_exported_like_any_run() -> None:
    found = compare_runs(peer(), ours(), Policy())
    verdicts = {row.cell.metric: verdict for row in found.rows for verdict in row.verdicts.values()}
    assert verdicts["decode_tok_per_s"].ratio == pytest.approx(2.0)
    assert verdicts["ttft_s"].word == "not-comparable"
    assert "engine llama.cpp -> tvm" in found.notes[found.values[1]]
    prefill, decode = llama_bench_rows(peer())
    assert prefill["samples_ts"] == pytest.approx([24.0, 24.5, 25.0, 25.5, 26.0])
    assert decode["samples_ts"] == pytest.approx([4.9, 4.95, 5.0, 5.05, 5.1])
    assert (decode["n_gen"], decode["n_depth"]) == (127, 512)
