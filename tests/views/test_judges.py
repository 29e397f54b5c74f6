"""A run of a model that judges texts: its rows are judgements, and nothing is shown of tokens that there are not."""

from __future__ import annotations

import pytest

from lab.analysis.listing import lines_of
from lab.analysis.llama_bench import llama_bench_rows
from lab.analysis.points.build import points_of
from lab.analysis.run.summary import summarise
from lab.formats.run_record import RunRecord
from lab.views.console import to_text
from lab.views.html.run_page import run_html
from lab.views.runs.raw_page import show_page
from lab.views.runs.run_table import run_table
from lab.views.runs.runs_table import runs_table
from tests.analysis.documents import DOCUMENT, MODEL, cell, record


def judged() -> RunRecord:
    """Five judgements of 512 tokens, of 2 s each, by a model with an adapter."""
    of_tokens = cell(prefills=(256.0,) * 5, generate=0)
    gone = ("decode_tok_per_s", "ttft_s", "ttst_s", "itl_s")
    rows = [
        {name: value for name, value in row.items() if name not in gone}
        | {"judgements_per_s": 0.5, "judgement_s": 2.0, "submit_ns": 10, "token_ns": [10 + 2_000_000_000]}
        for row in of_tokens["repetitions"]
    ]
    adapter = {"name": "my\x1badapter", "id": "sha256:" + "a" * 64, "base": None}
    return record(
        cells=[{**of_tokens, "repetitions": rows}],
        model={**MODEL, "id": "phudge-regression-q4", "label": "phudge-regression-q4", "labels": 1},
        weights={**DOCUMENT["weights"], "adapter": adapter},
    )


def test_the_summary_is_of_judgements() -> None:
    (found,) = summarise(judged())
    assert found.label == "pp512"
    assert (found.metrics["judgements_per_s"].median, found.metrics["judgement_s"].median) == (0.5, 2.0)
    assert {"decode_tok_per_s", "ttft_s"}.isdisjoint(found.metrics)
    assert found.prefill_roof_fraction is not None
    assert found.roof_fraction is None


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_has_judgements_and_no_tokens(width: int) -> None:
    text = to_text(run_table(judged(), width), width)
    assert "Judgements  Judgement" in text
    assert "0.50" in text
    assert "Decode" not in text
    assert "TTFT" not in text
    assert "best label matches" in text
    assert "myadapter, merged into the weights" in text


def test_other_views_take_it_as_it_is() -> None:
    run = judged()
    assert "judgements" in to_text(show_page(run, 120), 120)
    assert "pp512" in to_text(runs_table(lines_of(points_of([run])), [], 120, ""), 120)
    page = run_html(run)
    assert ">Judgements</th>" in page
    assert "\x1b" not in page
    assert ">Judgements</th>" not in run_html(record())


def test_llama_bench_gets_its_prefill_alone() -> None:
    (row,) = llama_bench_rows(judged())
    assert (row["n_prompt"], row["n_gen"], row["avg_ts"]) == (512, 0, 256.0)
