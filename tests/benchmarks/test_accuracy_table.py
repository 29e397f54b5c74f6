"""The printed end of the accuracy benchmark."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.accuracy_table import WIDTH, render
from benchmarks.scores import comparisons, pooled, row
from tests.benchmarks.test_scores import made


def document() -> dict[str, Any]:
    scores = [
        made(engine, seed, 0.0 if engine == "tvm" else 0.01) for seed in (0, 1) for engine in ("tvm", "llama.cpp")
    ]
    return {
        "date": "2026-01-02",
        "command": "python -m benchmarks.accuracy --seeds 2",
        "machine": {"cpu": "Some CPU @ 3 GHz", "isa": "avx2", "llama_threads": 2},
        "llama_fed": "token by token",
        "text": {"windows": 4, "length": 8},
        "reference": [{"seed": seed, "perplexity": 3.5} for seed in (0, 1)],
        "results": [row(one) for one in [*scores, *pooled(scores)]],
        "comparisons": comparisons(scores),
    }


def test_it_fits_80_columns_and_says_where_it_ran() -> None:
    text = render(document())
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    for word in ("Some CPU @ 3 GHz", "avx2", "2026-01-02", "python -m benchmarks.accuracy --seeds 2", "4 windows"):
        assert word in text


def test_every_score_has_a_line_and_only_pooled_differences_do() -> None:
    lines = [line.split() for line in render(document()).splitlines()]
    assert ["f32", "0", "reference", "0", "0", "0", "0", "100", "%", "3.5000"] in lines
    numbers = ["160.0000", "80.0000", "80.0000", "40.0000", "90.00", "%", "4.0000"]
    assert ["q4", "mean", "llama.cpp", *numbers] in lines
    assert sum(line[2:3] == ["tvm"] for line in lines) == 3
    assert [line for line in lines if line[:2] == ["q4", "KL"]] == [
        ["q4", "KL", "-10.0000", *["-10.0000", "to", "-10.0000"] * 2, "lower"]
    ]


def test_the_document_is_json() -> None:
    assert json.loads(json.dumps(document()))["comparisons"][0]["word"] == "lower"
