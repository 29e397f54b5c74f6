from __future__ import annotations

import pandas as pd
import pytest

from lab.analysis.run.frame import columns, to_frame
from tests.analysis.documents import cell, failed_repetition, record


def test_one_row_a_repetition_with_its_identity() -> None:
    frame = to_frame([record(cells=[cell(), cell([8.0, 9.0], [40.0, 41.0], depth=64)])])
    assert list(frame.columns) == list(columns())
    assert frame.groupby("depth").size().to_dict() == {0: 5, 64: 2}
    assert frame["decode_tok_per_s"].median() == 9.9
    assert set(frame["model"]) == {"phi3-mini-q4"}
    assert frame.loc[frame["depth"] == 64, "decode_tok_per_s"].tolist() == [8.0, 9.0]


def test_runs_stand_below_each_other() -> None:
    runs = [record(), record(run_id="20261124-210000-ab12ce")]
    assert to_frame(runs)["run_id"].nunique() == 2


def test_a_failed_repetition_is_a_row_without_numbers() -> None:
    one = cell()
    one["repetitions"][3] = failed_repetition(3, "out of memory")
    frame = to_frame([record(cells=[one])])
    row = frame.iloc[3]
    assert (row["status"], row["reason"]) == ("failed", "out of memory")
    assert pd.isna(row["decode_tok_per_s"])
    assert frame["decode_tok_per_s"].mean() == pytest.approx((9.8 + 9.9 + 10.0 + 10.2) / 4)


def test_no_runs_are_an_empty_frame_with_all_columns() -> None:
    frame = to_frame([])
    assert len(frame) == 0
    assert list(frame.columns) == list(columns())
