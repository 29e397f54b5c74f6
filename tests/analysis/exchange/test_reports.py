"""PocketPal's report, MLPerf Mobile's result, and runs of lab's own."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.exchange.imports.import_runs import records_of
from lab.analysis.exchange.readers.files import read_file
from lab.analysis.run.flags import run_flags
from lab.core.errors import ForeignFileError, StoreError, UsageError
from lab.core.jsonio import digest
from tests.analysis.documents import document
from tests.analysis.exchange.sources import FILES, records, written

MIB = 1 << 20
S23 = json.loads((FILES / "pocketpal-samsung-s23.json").read_text())


def report(**changes: Any) -> dict[str, Any]:
    """The report with its first row alone, changed."""
    found = copy.deepcopy(S23)
    found["runs"] = [{**found["runs"][0], **changes}]
    return found


def test_pocketpal_has_two_cells_a_row_with_its_published_numbers() -> None:
    runs = records("pocketpal-samsung-s23.json", "s23")
    assert len(runs) == 6
    cpu = runs[0]
    assert cpu.model.label == "phi-3.5-mini-q4_0"
    assert [(cell.prompt, cell.generate) for cell in cpu.cells] == [(256, 0), (0, 64)]
    assert cpu.cells[0].repetitions[0].prefill_tok_per_s == pytest.approx(43.1, abs=0.05)
    assert cpu.cells[1].repetitions[0].decode_tok_per_s == pytest.approx(9.94, abs=0.005)
    assert {run.engine.effective for run in runs} == {"cpu", "opencl", "hexagon"}
    assert {run.engine.name for run in runs} == {"llama.cpp"}
    assert cpu.plan.repeats == 3


def test_pocketpals_memory_is_the_engines_buffers_and_never_the_apps_peak() -> None:
    memory = records("pocketpal-samsung-s23.json", "s23")[0].cells[0].memory
    assert memory is not None
    assert memory.rss_peak_bytes is None
    sizes = (memory.weights_bytes, memory.kv_bytes, memory.workspace_bytes)
    assert [round((size or 0) / MIB) for size in sizes] == [2081, 768, 91]


def test_a_failed_row_keeps_its_reason(tmp_path: Path) -> None:
    (run,) = records(written(tmp_path, report(status="failed", error="out of memory", pp_avg=None, tg_avg=None)), "s23")
    assert (run.status, run.reason) == ("failed", "out of memory")
    assert {cell.status for cell in run.cells} == {"failed"}
    assert all(not cell.repetitions for cell in run.cells)


def test_a_gpu_that_was_asked_for_and_not_used_fell_back(tmp_path: Path) -> None:
    (run,) = records(written(tmp_path, report(requested_backend="gpu", effective_backend="cpu")), "s23")
    assert "fell_back" in {flag.code for flag in run_flags(run)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pp_avg": "fast"}, 'row 1: pp_avg: expected a number, got "fast"'),
        ({"tg_avg": None}, "row 1: tg_avg: missing"),
        ({"tg_avg": 0}, "row 1: tg_avg: 0 is not above 0"),
        ({"timestamp": "2999-01-01"}, "row 1: timestamp: 2999-01-01T00:00:00Z is in the future"),
        ({"model_id": ["x"]}, "row 1: model_id: expected text, got "),
        ({"log_signals": 3}, "row 1: log_signals: expected an object, got 3"),
        ({"effective_init_params": {"n_ubatch": -1}}, "row 1: effective_init_params.n_ubatch: -1 is not between"),
    ],
)
def test_a_bad_row_of_a_report(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ForeignFileError) as caught:
        records(written(tmp_path, report(**change)), "s23")
    assert said in caught.value.what


def test_an_unknown_column_of_a_report_is_kept(tmp_path: Path) -> None:
    (run,) = records(written(tmp_path, report(cooling="fan")), "s23")
    assert run.other_columns == '{"cooling":"fan"}'


def test_mlperf_results_that_count_no_tokens_are_refused() -> None:
    with pytest.raises(ForeignFileError, match="image_classification: no language model"):
        records("mlperf-mobile.json", "ipad")


def test_mlperf_language_models_are_taken_and_the_others_told() -> None:
    found = read_file(FILES / "mlperf-mobile-llm.json", "ipad")
    (run,) = records_of(found)
    (cell,) = run.cells
    assert (cell.repetitions[0].decode_tok_per_s, cell.repetitions[0].ttft_s) == (13.5, 0.41)
    assert run.device.facts["model_code"] == "iPad8,10"
    assert run.revision is not None
    assert run.revision.dirty is True
    assert [row for row, _ in found.skipped] == [2]


def test_an_invalid_mlperf_result_is_rejected(tmp_path: Path) -> None:
    made = json.loads((FILES / "mlperf-mobile-llm.json").read_text())
    made["results"][0]["performance_run"]["loadgen"]["is_result_valid"] = False
    (run,) = records(written(tmp_path, made), "ipad")
    assert [(cell.status, cell.repetitions) for cell in run.cells] == [("rejected", ())]


def own(**changes: Any) -> dict[str, Any]:
    plain = document(**changes)
    return {"sha256": digest(plain), **plain}


def test_a_run_of_another_lab_comes_whole(tmp_path: Path) -> None:
    (run,) = records(written(tmp_path, own()), None)
    assert (run.run_id, run.target.name) == ("20261123-210000-ab12cd", "local")
    with pytest.raises(UsageError, match="a run of target local, not of box"):
        records(written(tmp_path, own()), "box")


def test_a_run_of_another_lab_that_was_edited_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ForeignFileError, match="does not match its sha256"):
        records(written(tmp_path, {**own(), "status": "failed"}), None)
    with pytest.raises(StoreError, match="run_id"):
        records(written(tmp_path, own(run_id="../../evil")), None)


def test_rows_need_a_target() -> None:
    with pytest.raises(UsageError, match="does not name the target"):
        records("llama-bench.json", None)
