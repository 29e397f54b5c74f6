"""What leaves the house says which program measured, on which backend and under which settings, by name."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.backend_names import backend_text
from lab.analysis.exchange.writers.bencher import NAME_LIMIT, bmf
from lab.analysis.exchange.writers.conbench import conbench_results
from lab.analysis.exchange.writers.flat import csv_text, jsonl_text
from lab.analysis.exchange.writers.series import under
from lab.analysis.opened import opened
from lab.analysis.parquet import TABLE_KEY, write_parquet
from lab.analysis.points.build import points_of
from lab.analysis.points.defaults import OWN
from lab.analysis.points.settings import spelled
from lab.analysis.run.frame import columns, to_frame
from lab.core.errors import UsageError
from lab.formats.run_record import RunRecord
from lab.measure.plan import Plan
from tests.analysis.documents import DOCUMENT, gpu_document, record
from tests.analysis.exchange.sources import llama_rows, records, written

CASES = Path(__file__).parents[2] / "cases" / "data"
ONE_NIGHT = CASES / "pocketpal-three-backends-one-night.json"
REPOSITORY = "https://github.com/example/project"


def names(*runs: RunRecord) -> list[str]:
    return list(bmf(runs)[0])


def made(tmp_path: Path, **change: Any) -> RunRecord:
    (run,) = records(written(tmp_path, [{**llama_rows()[0], **change}]))
    return run


def test_three_backends_of_one_night_are_three_series_in_one_document() -> None:
    found, lost = bmf(records(ONE_NIGHT))
    decode = {name.split("/")[4]: values for name, values in found.items() if name.endswith("/tg64")}
    assert {name: round(values["decode-tok-per-s"]["value"]) for name, values in decode.items()} == {
        "cpu": 20,
        "opencl": 12,
        "hexagon": 5,
    }
    assert lost == []


def test_the_defaults_of_labs_own_plan_stand_in_no_name() -> None:
    assert {name: spelled(value) for name, value in Plan(()).values.items()} == OWN


def test_a_series_keeps_its_name_every_night_whatever_is_exported_beside_it() -> None:
    runs = records(CASES / "pocketpal-cpu-halved-in-the-last-3-of-30-nights.json")
    alone = [name for run in runs for name in names(run)]
    assert len(set(alone)) == 6  # three backends, two tests; 30 nights
    assert names(*runs[:3]) == alone[:6]


def test_the_same_series_twice_is_refused_with_a_hint_that_helps() -> None:
    runs = records(CASES / "pocketpal-cpu-halved-in-the-last-3-of-30-nights.json")
    with pytest.raises(UsageError, match=r"both measured box/tiny-q4_0/llama\.cpp/pocketpal/cpu") as told:
        bmf([runs[0], runs[3]])
    assert "each run on its own" in str(told.value.hint)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"flash_attn": 1}, "flash_attn=1"),
        ({"n_gpu_layers": 99}, "n_gpu_layers=99"),
        ({"n_threads": 7}, "threads=7"),
        ({"backends": "CUDA", "gpu_info": "NVIDIA GeForce RTX 4090"}, "CUDA NVIDIA GeForce RTX 4090"),
        ({"a_column_of_a_fork": "yes"}, "a_column_of_a_fork=yes"),
    ],
)
def test_a_setting_that_differs_is_in_the_name(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    (name,) = names(made(tmp_path, **change))
    assert told in name.split("/")
    assert name not in names(made(tmp_path))


@pytest.mark.parametrize("change", [{"no_host": False}, {"n_cpu_moe": 0}, {"avg_power_w": 12.5}])
def test_a_column_at_its_default_or_a_measurement_changes_no_name(tmp_path: Path, change: dict[str, Any]) -> None:
    row = {name: value for name, value in llama_rows()[0].items() if name not in change}
    (without,) = records(written(tmp_path, [row]))
    assert names(made(tmp_path, **change)) == names(without)


def test_another_driver_changes_no_name(tmp_path: Path) -> None:
    texts = ("Example GPU", "Example GPU (driver B)", "Example GPU (Mesa 24.1.3)")
    assert {backend_text(made(tmp_path, backends="Vulkan", gpu_info=text)) for text in texts} == {"Vulkan Example GPU"}
    chips = ("AMD Radeon (RADV NAVI31)", "AMD Radeon (RADV NAVI21)")
    assert len({backend_text(made(tmp_path, backends="Vulkan", gpu_info=text)) for text in chips}) == 2


def test_labs_own_runs_are_named_by_what_is_not_usual() -> None:
    assert names(record()) == ["local/phi3-mini-q4/tvm/pp512+tg128"]
    one = record(engine={**DOCUMENT["engine"], "threads": 1})
    assert names(one) == ["local/phi3-mini-q4/tvm/threads=1/pp512+tg128"]
    assert names(record(**gpu_document())) == ["local/phi3-mini-q4/tvm/opencl Example GPU/pp512+tg128"]
    assert under(replace(one, device=replace(one.device, facts={}))).parts == ("threads=1",)


def test_names_that_are_too_long_stay_apart(tmp_path: Path) -> None:
    long = [names(made(tmp_path, a_column="x" * 2000 + end))[0] for end in "ab"]
    assert all(len(name) <= NAME_LIMIT for name in long)
    assert long[0] != long[1]


@pytest.mark.parametrize(
    ("name", "code", "why"),
    [
        ("impossible-mean.json", "impossible", "above any roofline: 2.13333e+09 tok/s"),
        ("mean-contradicts-samples.json", "contradictory", "10 tok/s by its mean"),
    ],
)
def test_numbers_that_nothing_may_be_made_of_leave_with_their_mark_or_not_at_all(
    name: str, code: str, why: str
) -> None:
    (run,) = records(CASES / name)
    found, lost = bmf([run])
    assert (found, [why in one for one in lost]) == ({}, [True])
    (result,) = conbench_results(run, REPOSITORY)
    assert why in result["error"]["reason"]
    assert set(to_frame([run])["doubts"]) == {code}
    assert {json.loads(line)["doubts"] for line in jsonl_text([run]).splitlines()} == {code}
    assert to_frame([record()])["doubts"].isna().all()


def test_hosts_in_settings_do_not_leave_and_series_stay_apart(tmp_path: Path) -> None:
    runs = [
        made(tmp_path, rpc_servers=f"pi{number}.example.org:50052", a_column=f"10.0.0.{number}") for number in (1, 2)
    ]
    told = [
        json.dumps([bmf([run])[0], conbench_results(run, REPOSITORY), csv_text([run]), jsonl_text([run])])
        for run in runs
    ]
    assert not any("example.org" in text or "10.0.0." in text for text in told)
    assert names(runs[0]) != names(runs[1])
    assert "rpc_servers=#" in names(runs[0])[0]


SETTINGS = {
    "n_gpu_layers": st.sampled_from([0, 99]),
    "flash_attn": st.sampled_from([0, 1]),
    "n_threads": st.sampled_from([1, 4]),
    "backends": st.sampled_from(["CPU", "CUDA"]),
    "type_k": st.sampled_from(["f16", "q8_0"]),
    "fork_column": st.sampled_from([None, "a"]),
}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.fixed_dictionaries(SETTINGS), min_size=2, max_size=4))
def test_names_are_equal_exactly_where_series_are(tmp_path_factory: Any, changes: Sequence[dict[str, Any]]) -> None:
    folder = tmp_path_factory.getbasetemp()
    runs = [made(folder, **change) for change in changes]
    series = [points_of([run]).keys[0] for run in runs]
    for one, name in zip(series, map(names, runs), strict=True):
        assert [other == one for other in series] == [names(run) == name for run in runs]


def test_conbench_has_all_of_it_as_tags() -> None:
    found = [conbench_results(run, REPOSITORY)[0] for run in records(ONE_NIGHT)]
    assert [one["tags"]["backend"] for one in found] == ["cpu", "opencl", "hexagon"]
    tags = found[0]["tags"]
    assert (tags["tool"], tags["protocol"], tags["threads"]) == ("pocketpal", "pocketpal 1", "4")
    assert tags["setting.n_ubatch"] == "512"
    assert found[0]["context"]["setting.effective_init_params.n_ubatch"] == "512"
    own = conbench_results(record(), REPOSITORY)[0]["tags"]
    assert (own["tool"], own["protocol"]) == ("lab", "lab 1")


def test_rows_say_tool_rules_backend_threads_and_settings(tmp_path: Path) -> None:
    runs = [record(), made(tmp_path), *records(ONE_NIGHT)]
    frame = to_frame(runs)
    assert list(frame["tool"].drop_duplicates()) == ["lab", "llama-bench", "pocketpal"]
    assert list(frame["protocol"].drop_duplicates()) == ["lab 1", "llama-bench 1", "pocketpal 1"]
    mine = frame[frame["tool"] == "pocketpal"]
    assert list(mine["effective"].drop_duplicates()) == ["cpu", "opencl", "hexagon"]
    bench = json.loads(frame[frame["tool"] == "llama-bench"].iloc[0]["settings"])
    assert (bench["n_batch"], bench["n_ubatch"], bench["flash_attn"]) == ("2048", "512", "-1")
    rows = list(csv.DictReader(io.StringIO(csv_text(runs))))
    lines = [json.loads(line) for line in jsonl_text(runs).splitlines()]
    for name in ("tool", "protocol", "settings", "effective"):
        assert [row[name] for row in rows] == [line[name] for line in lines] == frame[name].tolist()


def test_parquet_of_before_the_tool_had_a_column_is_read(tmp_path: Path) -> None:
    path, old = tmp_path / "new.parquet", tmp_path / "old.parquet"
    write_parquet(path, [record()], lambda runs: None)
    table = pq.read_table(path).drop_columns(["tool", "doubts", "protocol"])
    table = table.append_column("protocol", pa.array([1] * len(table), pa.int64()))
    pq.write_table(table.replace_schema_metadata({TABLE_KEY: b"1"}), old)
    frame = opened(old).frame()
    assert list(frame.columns) == list(columns())
    assert set(frame["protocol"]) == {"1"}
    assert frame["tool"].isna().all()
    pd.testing.assert_series_equal(
        frame["decode_tok_per_s"], opened(path).frame()["decode_tok_per_s"], check_exact=True
    )
