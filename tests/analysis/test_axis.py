"""Runs side by side along an axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.analysis.compare.axis import Table, along
from lab.analysis.compare.narrow import split_model
from lab.analysis.compare.values import Wanted
from lab.analysis.judging.judge import Policy, Side, judge
from lab.analysis.points.build import points_of
from lab.analysis.points.table import Points
from lab.core.errors import StoreError, UsageError
from lab.formats.run_record import RunRecord
from tests.analysis.documents import DOCUMENT, MODEL, cell, record
from tests.analysis.exchange.sources import records

CASES = Path(__file__).parents[1] / "cases" / "data"
STEADY = (9.9, 10.0, 10.1, 10.0, 10.05)
COUNT = 5


def run(number: int, decode: float, **changes: Any) -> RunRecord:
    at = f"2026-11-{1 + number // 24:02}T{number % 24:02}:00:00Z"
    noise = STEADY[number % len(STEADY)] / 10
    decodes = [value * decode / 10 * noise for value in STEADY]
    made = {"run_id": f"20261123-210000-{number:06x}", "created_at": at, "cells": [cell(decodes, [50.0] * 5)]}
    return record(**{**made, **changes})


def engine(name: str) -> dict[str, Any]:
    return {"engine": {**DOCUMENT["engine"], "name": name}}


def model(quant: str, preset: str = "phi3-mini") -> dict[str, Any]:
    label = f"{preset}-{quant}"
    return {"model": {**MODEL, "id": label, "label": label, "preset": preset, "quant": quant}}


def history(*kinds: tuple[float, dict[str, Any]]) -> Points:
    """COUNT runs of each kind, in turns."""
    turns = [(number * len(kinds) + place, kind) for number in range(COUNT) for place, kind in enumerate(kinds)]
    return points_of([run(at, decode, **changes) for at, (decode, changes) in turns])


def words(found: Table, metric: str = "decode_tok_per_s") -> list[dict[str, str]]:
    return [{k: v.word for k, v in row.verdicts.items()} for row in found.rows if row.cell.metric == metric]


def test_engines_are_judged_against_labs_own() -> None:
    points = history((10.0, engine("llama.cpp")), (14.0, engine("tvm")), (10.0, engine("mlc")))
    found = along(points, "engine", Wanted(), Policy())
    assert found.values == ("tvm", "llama.cpp", "mlc")
    assert words(found) == [{"llama.cpp": "slower", "mlc": "slower"}]
    (row,) = [row for row in found.rows if row.cell.metric == "decode_tok_per_s"]
    assert row.a == pytest.approx(14.0, rel=0.02)
    assert row.verdicts["mlc"].ratio == pytest.approx(10 / 14, rel=0.02)
    assert row.cell.engine == ""


def test_the_words_are_the_judges() -> None:
    points = history((10.0, engine("llama.cpp")), (14.0, engine("tvm")))
    found = along(points, "engine", Wanted(last=COUNT), Policy())
    places: dict[str, list[int]] = {}
    for place, series in zip(points.run.tolist(), points.series.tolist(), strict=True):
        places.setdefault(points.keys[series].cell.engine, []).append(place)
    import numpy as np

    sides = [Side(name, np.unique(np.asarray(places[name], np.int32))) for name in ("tvm", "llama.cpp")]
    direct = judge(points, *sides, Policy(across=("engine",)))  # type: ignore[call-arg,arg-type]
    assert {verdict for row in found.rows for verdict in row.verdicts.values()} == set(direct.verdicts)


def test_quantisations_of_two_models_are_never_mixed() -> None:
    points = history(
        (10.0, model("q4")), (6.0, model("q8")), (5.0, model("q4", "phi3-medium")), (3.0, model("q8", "phi3-medium"))
    )
    found = along(points, "quant", Wanted(), Policy())
    assert words(found) == [{"q8": "slower"}, {"q8": "slower"}]
    rows = [row for row in found.rows if row.cell.metric == "decode_tok_per_s"]
    assert [(row.cell.model, row.a) for row in rows] == [
        ("phi3-medium", pytest.approx(5.0, rel=0.02)),
        ("phi3-mini", pytest.approx(10.0, rel=0.02)),
    ]


def test_what_both_sides_ran_on_is_held_together_thing_by_thing() -> None:
    kinds = [
        (decode, {"engine": {**DOCUMENT["engine"], "effective": where}, **model(quant)})
        for where, quant, decode in (("cpu", "q4", 10.0), ("gpu", "q4", 20.0), ("cpu", "q8", 7.0), ("gpu", "q8", 26.0))
    ]
    found = along(history(*kinds), "quant", Wanted(last=2 * COUNT), Policy())
    rows = {row.ran_on: row.verdicts["q8"].word for row in found.rows if row.cell.metric == "decode_tok_per_s"}
    assert rows == {"cpu": "slower", "gpu": "faster"}


def backends(target: str, *names: str) -> list[RunRecord]:
    """The nights of a phone, of some of its backends."""
    runs = records(CASES / "pocketpal-cpu-halved-in-the-last-3-of-30-nights.json", target)
    return [one for one in runs if one.engine.effective in names]


def named(found: Table, metric: str = "decode_tok_per_s") -> list[tuple[str, ...]]:
    return [tuple(text for _, text in row.settings) for row in found.rows if row.cell.metric == metric]


def test_backends_are_rows_by_name_and_each_has_its_own_newest_runs() -> None:
    every = ("cpu", "opencl", "hexagon")
    points = points_of([*backends("box", *every), *backends("phone", *every)])
    found = along(points, "target", Wanted(), Policy())
    assert named(found) == [("cpu",), ("hexagon",), ("opencl",)]
    assert {value: len(runs) for value, runs in found.runs.items()} == {"box": 15, "phone": 15}
    assert all(verdict.sessions_b == 5 for row in found.rows for verdict in row.verdicts.values())


def test_a_target_with_one_of_the_backends_stands_in_the_row_of_that_one() -> None:
    points = points_of([*backends("a", "cpu", "opencl"), *backends("b", "cpu", "opencl"), *backends("c", "cpu")])
    found = along(points, "target", Wanted(), Policy())
    assert named(found) == [("cpu",), ("opencl",)]
    assert [sorted(row.verdicts) for row in found.rows if row.cell.metric == "decode_tok_per_s"] == [["b", "c"], ["b"]]
    only = along(points, "target", Wanted(reference="c"), Policy())
    rows = [row for row in only.rows if row.cell.metric == "decode_tok_per_s"]
    assert [(sorted(row.verdicts), sorted(row.measured)) for row in rows] == [
        (["a", "b"], ["a", "b", "c"]),
        ([], ["a", "b"]),
    ]


def test_threads_are_rows_in_the_order_of_their_numbers() -> None:
    kinds = [
        (decode * threads, {"engine": {**DOCUMENT["engine"], "threads": threads}, "target": {"name": name, "spec": {}}})
        for name, decode in (("local", 1.0), ("pixel8", 0.8))
        for threads in (16, 4, 2)
    ]
    found = along(history(*kinds), "target", Wanted(), Policy())
    assert named(found) == [("2",), ("4",), ("16",)]
    assert words(found) == [{"pixel8": "slower"}] * 3


def away(*names: str, **changes: Any) -> list[dict[str, Any]]:
    return [{"target": {"name": name, "spec": {}}, **changes} for name in names]


def uneven(kinds: list[dict[str, Any]], wild: int = 0) -> Points:
    """Three to eight sessions of each kind, some of them far off: no two pairings agree on the reference's centre."""
    runs = []
    for place, kind in enumerate(kinds):
        for number in range(3 + place):
            off = 1.4 if number == 0 and place % 2 == wild else 1 + 0.01 * number * place
            runs.append(run(number * 20 + place, (10.0 - place) * off, **kind))
    return points_of(runs)


def test_a_row_is_one_whatever_the_sessions_of_its_values() -> None:
    names = ["local", "board", "phone", "pixel8", "rpi5"]
    found = along(uneven(away(*names)), "target", Wanted(last=20), Policy())
    centres = {
        row.verdicts[name].a for row in found.rows for name in row.verdicts if row.cell.metric == "decode_tok_per_s"
    }
    assert len(centres) > 1  # what rows were told apart by
    assert found.reference == "local"
    decode = [row for row in found.rows if row.cell.metric == "decode_tok_per_s"]
    assert [sorted(row.verdicts) for row in decode] == [sorted(names[1:])]
    assert {name: one.sessions for name, one in decode[0].measured.items()} == dict(
        zip(names, range(3, 8), strict=True)
    )


def test_the_best_is_the_largest_rate_and_the_smallest_memory() -> None:
    found = along(uneven(away("local", "board", "phone")), "target", Wanted(last=20, reference="phone"), Policy())
    best = {row.cell.metric: row.best for row in found.rows}
    assert best["decode_tok_per_s"] == best["itl_p50_s"] == "local"
    assert found.values[0] == "phone"


def test_the_interval_of_a_value_is_students_of_its_sessions_and_none_of_two() -> None:
    from scipy.stats import t

    runs = [
        *(run(2 * at, 10.0 + at, **away("local")[0]) for at in range(5)),
        *(run(2 * at + 1, 9.0, **away("board")[0]) for at in range(2)),
    ]
    (row,) = [
        row
        for row in along(points_of(runs), "target", Wanted(), Policy()).rows
        if row.cell.metric == "decode_tok_per_s"
    ]
    assert row.measured["board"].interval is None
    import numpy as np

    points = points_of(runs)
    decode = [
        place
        for place, key in enumerate(points.keys)
        if key.cell.metric == "decode_tok_per_s" and key.cell.target == "local"
    ]
    logs = np.log(points.value[points.series == decode[0]])
    half = t.ppf(0.975, 4) * logs.std(ddof=1) / 5**0.5
    low, high = row.measured["local"].interval or (0, 0)
    assert high / low == pytest.approx(np.exp(2 * half))
    assert low < row.measured["local"].value < high


def test_depths_are_values_of_each_run() -> None:
    cells = [
        [cell([rate * noise] * 5, [50.0] * 5, depth=depth) for depth, rate in ((2048, 6.0), (0, 10.0), (512, 9.9))]
        for noise in (0.99, 1.0, 1.01, 0.995, 1.005)
    ]
    points = points_of([run(number, 10.0, cells=one) for number, one in enumerate(cells)])
    found = along(points, "depth", Wanted(), Policy())
    assert (found.reference, found.values) == ("0", ("0", "512", "2048"))
    assert words(found) == [{"512": "same", "2048": "slower"}]
    (row,) = [row for row in found.rows if row.cell.metric == "decode_tok_per_s"]
    assert row.verdicts["2048"].ratio == pytest.approx(0.6, rel=0.01)
    assert row.cell.depth == 0
    assert {len(runs) for runs in found.runs.values()} == {5}
    assert found.notes == {"512": (), "2048": ()}


def test_what_the_reference_never_measured_has_a_row_of_the_others() -> None:
    local, board, phone = away("local", "board", "phone")
    deep = {"cells": [cell([5.0] * 5, [50.0] * 5), cell([4.0] * 5, [50.0] * 5, depth=2048)]}
    runs = [
        run(3 * at + place, 10.0, **kind)
        for at in range(3)
        for place, kind in enumerate((local, {**board, **deep}, {**phone, **deep}))
    ]
    found = along(points_of(runs), "target", Wanted(metrics=("decode_tok_per_s",)), Policy())
    (row,) = [row for row in found.rows if row.cell.depth and row.cell.metric]
    assert (row.a, row.verdicts, sorted(row.measured)) == (None, {}, ["board", "phone"])


def test_a_session_of_two_sides_counts_for_the_second() -> None:
    runs = [run(number, 10.0, tags=["all", "new"] if number > 5 else ["all"]) for number in range(9)]
    found = along(points_of(runs), "tag", Wanted(), Policy())
    assert found.notes["new"][0] == "3 runs of new left out of all"
    assert {(one.sessions_a, one.sessions_b) for row in found.rows for one in row.verdicts.values()} == {(6, 3)}


def test_targets_tags_revisions_and_runs() -> None:
    revision = [{"revision": {"commit": letter * 40, "dirty": False}, "tags": [f"v{letter}"]} for letter in "ab"]
    points = history((10.0, revision[0]), (8.0, revision[1]))
    assert words(along(points, "revision", Wanted(), Policy())) == [{"b" * 12: "slower"}]
    assert words(along(points, "tag", Wanted(reference="vb"), Policy())) == [{"va": "faster"}]
    assert len(along(points, "run", Wanted(), Policy()).values) == 2 * COUNT
    away = [{"target": {**DOCUMENT["target"], "name": name}} for name in ("local", "pixel8")]
    assert words(along(history((10.0, away[0]), (5.0, away[1])), "target", Wanted(), Policy())) == [
        {"pixel8": "slower"}
    ]


def test_a_changed_working_tree_is_no_revision() -> None:
    points = history((10.0, {"revision": {"commit": "a" * 40, "dirty": True}}), (8.0, {}))
    with pytest.raises(StoreError, match="--axis revision needs at least two values"):
        along(points, "revision", Wanted(), Policy())


def test_only_the_newest_runs_count() -> None:
    points = history((10.0, engine("tvm")), (10.0, engine("mlc")))
    found = along(points, "engine", Wanted(last=2), Policy())
    assert {name: len(runs) for name, runs in found.runs.items()} == {"tvm": 2, "mlc": 2}
    assert found.runs["tvm"][-1] == "20261123-210000-000008"


def test_a_baseline_that_is_not_there() -> None:
    points = history((10.0, engine("tvm")), (10.0, engine("mlc")))
    with pytest.raises(UsageError, match="unknown engine 'mlx'"):
        along(points, "engine", Wanted(reference="mlx"), Policy())


def test_an_empty_store_and_a_single_value() -> None:
    with pytest.raises(StoreError, match="none is on record"):
        along(points_of([]), "engine", Wanted(), Policy())
    with pytest.raises(StoreError, match="only tvm is on record"):
        along(points_of([run(0, 10.0)]), "engine", Wanted(), Policy())


def test_other_protocols_are_not_comparable_and_that_is_5() -> None:
    other = {**engine("llama.cpp"), "protocol": {**DOCUMENT["protocol"], "name": "llama-bench"}}
    found = along(history((10.0, engine("tvm")), (8.0, other)), "engine", Wanted(), Policy())
    assert {verdict.word for row in found.rows for verdict in row.verdicts.values()} == {"not-comparable"}
    assert found.exit_code == 5


@pytest.mark.parametrize(
    ("label", "parts"),
    [
        ("phi3-mini-q4", ("phi3-mini", "q4")),
        ("phi3-mini-q4@2l", ("phi3-mini@2l", "q4")),
        ("qwen2.5-7b-instruct-q4_k_m", ("qwen2.5-7b-instruct", "q4_k_m")),
        ("x", ("x", "unknown")),
    ],
)
def test_a_label_is_model_and_quantisation(label: str, parts: tuple[str, str]) -> None:
    assert split_model(label) == parts
