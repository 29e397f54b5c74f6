"""What was imported is exported as it was: the same file again gives the same runs."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.llama_bench import llama_bench_rows
from lab.analysis.points.build import points_of
from lab.formats.run_record import RunRecord
from tests.analysis.documents import gpu_document, record
from tests.analysis.exchange.sources import LLAMA, OLD, llama_rows, records, written

CASES = Path(__file__).parents[2] / "cases" / "data"
SETTINGS: dict[str, Any] = {
    "n_batch": st.sampled_from([512, 2048]),
    "n_ubatch": st.sampled_from([128, 512]),
    "poll": st.sampled_from([0, 50]),
    "type_k": st.sampled_from(["f16", "q8_0", "q4_0"]),
    "type_v": st.sampled_from(["f16", "q8_0"]),
    "n_gpu_layers": st.sampled_from([-1, 0, 20, 99]),
    "n_cpu_moe": st.sampled_from([0, 3]),
    "main_gpu": st.sampled_from([0, 1]),
    "flash_attn": st.sampled_from([False, True, -1, 0, 1]),
    "no_kv_offload": st.booleans(),
    "embeddings": st.booleans(),
    "no_host": st.booleans(),
    "use_mmap": st.booleans(),
    "tensor_split": st.sampled_from(["0.00", "1.00/3.00"]),
    "cpu_mask": st.sampled_from(["0x0", "0xff"]),
    "a_column_of_a_fork": st.one_of(st.integers(0, 9), st.sampled_from(["yes", ""]), st.booleans()),
}
WHERE = st.sampled_from(
    [
        ("CPU", ""),
        ("CUDA", "NVIDIA GeForce RTX 4090"),
        ("CUDA,BLAS", "A, B"),
        ("Vulkan", "AMD RX 7900 XTX (RADV)"),
    ]
)
SHAPES = st.sampled_from([(512, 0, 0), (0, 128, 0), (0, 64, 4096), (256, 64, 0)])
TIMES_NS = st.lists(st.integers(10**5, 10**12), min_size=1, max_size=4)


@st.composite
def files(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows as some version of llama-bench writes them: not every column, with samples or without."""
    columns = draw(st.sets(st.sampled_from(sorted(SETTINGS))))
    return [_row(draw, columns, number) for number in range(draw(st.integers(1, 5)))]


def _row(draw: st.DrawFn, columns: set[str], number: int) -> dict[str, Any]:
    backends, gpu = draw(WHERE)
    prompt, generate, depth = draw(SHAPES)
    times_ns = draw(TIMES_NS)
    rates = [(prompt + generate) * 1e9 / one for one in times_ns]
    model = {"model_filename": draw(st.sampled_from(["model.gguf", "models/Tiny-1B-Q4_K_M.gguf"]))}
    model["model_type"] = draw(st.sampled_from(["llama 1B Q4_K - Medium", "qwen3moe 30B.A3B Q4_K - Medium", "?"]))
    kept = {name: draw(SETTINGS[name]) for name in sorted(columns)}
    samples = draw(st.sampled_from(["both", "ns", "ts", "none"]))
    lists = {"samples_ns": times_ns, "samples_ts": rates}
    wanted = {"both": ("samples_ns", "samples_ts"), "ns": ("samples_ns",), "ts": ("samples_ts",), "none": ()}[samples]
    return {
        "build_commit": draw(st.sampled_from(["8cf427ff", "0c1e5701b"])),
        "build_number": draw(st.sampled_from([0, 5163])),
        "cpu_info": "Some CPU",
        "gpu_info": gpu,
        "backends": backends,
        **model,
        "model_size": draw(st.sampled_from([None, 1234567890])),
        "model_n_params": 1100048384,
        "n_threads": draw(st.sampled_from([1, 4, 8])),
        **kept,
        "n_prompt": prompt,
        "n_gen": generate,
        "n_depth": depth,
        "test_time": f"2026-0{draw(st.integers(1, 9))}-0{number + 1}T10:00:00Z",
        "avg_ns": round(sum(times_ns) / len(times_ns)),
        "avg_ts": sum(rates) / len(rates),
        **{name: lists[name] for name in wanted},
    }


def again(runs: list[RunRecord], folder: Path) -> list[RunRecord]:
    rows = [row for run in runs for row in llama_bench_rows(run)]
    return records(written(folder, rows, "again.json"))


def judged_of(runs: list[RunRecord]) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that is judged of the runs, by run: series, dates and values."""
    points = points_of(runs)
    found: dict[str, list[tuple[Any, ...]]] = {}
    for series, run, value, n in zip(points.series, points.run, points.value, points.n, strict=True):
        number = pytest.approx(value, rel=1e-9, nan_ok=True)
        what = (points.keys[series], int(points.runs.created_s[run]), points.runs.commit[run], number, int(n))
        found.setdefault(points.runs.run_id[run], []).append(what)
    return found


@settings(max_examples=25, deadline=None)
@given(files())
def test_an_export_imported_again_is_the_same_runs(rows: list[dict[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        first = records(written(Path(folder), rows))
        assert judged_of(again(first, Path(folder))) == judged_of(first)


@settings(max_examples=15, deadline=None)
@given(files())
def test_an_export_has_the_columns_of_its_file(rows: list[dict[str, Any]]) -> None:
    """Oracle: the file itself, but for what lab has one spelling of (use_mmap) and what says nothing (null)."""
    with TemporaryDirectory() as folder:
        out = [row for run in records(written(Path(folder), rows)) for row in llama_bench_rows(run)]

    def told(row: dict[str, Any]) -> str:
        left = {name: value for name, value in row.items() if name not in ("use_mmap", "load_mode")}
        left = {name: value for name, value in left.items() if "samples" not in name and value not in (None, "")}
        left = {name: int(value) if isinstance(value, bool) else value for name, value in left.items()}
        return json.dumps(left, sort_keys=True)

    spread = ("stddev_ns", "stddev_ts")  # counted from samples where the file has none
    out = [{name: value for name, value in row.items() if name not in spread} for row in out]
    assert sorted(map(told, out)) == sorted(map(told, rows))


@pytest.mark.parametrize("name", [*LLAMA, *OLD])
def test_real_files_come_back(name: str, tmp_path: Path) -> None:
    first = records(name)
    assert judged_of(again(first, tmp_path)) == judged_of(first)


@pytest.mark.parametrize(
    "name",
    [
        "flash-attention-both-ways-one-slower.jsonl",
        "fork-generation-after-prompt.json",
        "impossible-mean.json",
        "log-lines-between-rows.jsonl",
        "markdown-with-log-and-build.txt",
        "mean-contradicts-samples.json",
        "moe-two-quantisations.json",
        "one-build-two-days-new-shape-later.jsonl",
        "sql-table-named-test.sql",
        "sql-two-builds-second-has-one-more-column.sql",
        "unknown-columns-that-are-measurements.jsonl",
        "unknown-default-column-went-away.jsonl",
    ],
)
def test_cases_come_back(name: str, tmp_path: Path) -> None:
    """Ids too, but for what had another form: Markdown, and a fork's label for a depth."""
    first = records(CASES / name)
    second = again(first, tmp_path)
    found, expected = judged_of(second), judged_of(first)
    assert list(found.values()) == list(expected.values())
    assert list(points_of(second).flags) == list(points_of(first).flags)
    assert name.startswith(("fork-", "markdown-")) or found.keys() == expected.keys()


def test_an_imported_run_is_written_as_its_file_had_it(tmp_path: Path) -> None:
    told = {"n_gpu_layers": 99, "n_batch": 2048, "n_ubatch": 512, "type_k": "q8_0", "flash_attn": 1, "backends": "CUDA"}
    told |= {"gpu_info": "NVIDIA GeForce RTX 4090", "a_column_of_a_fork": "yes", "model_type": "phi3 3B Q4_0"}
    (run,) = records(written(tmp_path, [{**llama_rows()[0], **told}]))
    (row,) = llama_bench_rows(run)
    assert {name: row[name] for name in told} == told


def test_an_app_that_is_no_llama_bench_writes_what_it_knows() -> None:
    rows = llama_bench_rows(records("pocketpal-samsung-s23.json")[0])
    row = rows[0]
    assert (row["n_batch"], row["n_ubatch"], row["n_gpu_layers"], row["backends"]) == (512, 512, 0, "cpu")
    assert (row["type_k"], row["flash_attn"], row["avg_ts"]) == ("f16", 1, pytest.approx(43.11578059829734))
    assert "samples_ts" not in row  # it is a mean
    assert "gpu_info" not in row
    assert "build_number" not in row


def test_labs_own_run_on_a_gpu_says_so() -> None:
    own = record(**gpu_document())
    row = llama_bench_rows(own)[0]
    assert row["gpu_info"] == "Example GPU"
    assert row["n_gpu_layers"] == (own.model.layers or 0) + 1
