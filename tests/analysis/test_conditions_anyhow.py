"""What must not matter to a verdict: columns at their default, the order of rows and of columns, measured columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.history.regressions import judge_history
from lab.analysis.judging.judge import Policy, Side, judge
from lab.analysis.points.build import points_of
from lab.analysis.points.defaults import LLAMA_BENCH
from lab.analysis.points.table import Points
from lab.formats.provenance import GitState
from tests.analysis.exchange.sources import llama_rows, records, written

Row = dict[str, Any]
OLD, NEW = "a" * 9, "b" * 9
COLUMNS = sorted(set(LLAMA_BENCH) - {"load_mode"})


@pytest.fixture(autouse=True, scope="module")
def no_git() -> Iterator[None]:
    """No process for each run of a file: imported runs don't say of which checkout lab was."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lab.formats.provenance.git_state", lambda root: GitState(None, None))
        yield


def rows() -> list[Row]:
    """Two commits with four nights each; fa 0 and 1 every night, and the second commit loses 20 % with fa 1."""
    plain = {name: value for name, value in llama_rows()[0].items() if name not in LLAMA_BENCH and name != "samples_ts"}
    draw = np.random.default_rng(1)
    made = []
    for night in range(8):
        commit = OLD if night < 4 else NEW
        for fa in (0, 1):
            loss = 1.25 if fa and commit == NEW else 1.0
            mean_ns = int((2e9 if fa else 3e9) * loss * (1 + 0.003 * draw.standard_normal()))
            at = f"2026-01-{night + 1:02d}T02:0{fa}:00Z"
            made.append({**plain, "build_commit": commit, "test_time": at, "flash_attn": fa, **times(mean_ns)})
    return made


def times(mean_ns: int) -> Row:
    return {"avg_ns": mean_ns, "avg_ts": 16e9 / mean_ns, "samples_ns": [mean_ns - 10**6, mean_ns, mean_ns + 10**6]}


def points(made: list[Row]) -> Points:
    with TemporaryDirectory() as folder:
        return points_of(records(written(Path(folder), made)))


def words(made: list[Row]) -> dict[tuple[Any, ...], str]:
    """The verdict on each row of the gate OLD against NEW."""
    found = points(made)
    sides = [Side(one, np.array([i for i, each in enumerate(found.runs.commit) if each == one])) for one in (OLD, NEW)]
    verdicts = judge(found, *sides, Policy()).verdicts
    return {(one.cell.metric, dict(one.settings).get("flash_attn")): one.word for one in verdicts}


TRUTH = {("prefill_tok_per_s", "0"): "same", ("prefill_tok_per_s", "1"): "slower"}


def test_what_is_true_of_them() -> None:
    assert words(rows()) == TRUTH


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(COLUMNS), st.sets(st.integers(0, 15)))
def test_a_known_column_at_its_default_changes_nothing_in_any_rows(name: str, places: set[int]) -> None:
    made = rows()
    for place in places:
        made[place].setdefault(name, LLAMA_BENCH[name])
    assert words(made) == TRUTH


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(16)), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_columns_changes_nothing(order: list[int], random: Any) -> None:
    made = [rows()[place] for place in order]
    shuffled = [dict(random.sample(sorted(row.items()), len(row))) for row in made]
    assert words(shuffled) == TRUTH


@settings(max_examples=15, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["x", "n_foo", "no_bar", "driver"]), st.integers(-3, 9) | st.text(max_size=9), min_size=1
    ),
    st.permutations(range(16)),
)
def test_unknown_columns_of_a_new_build_cross_nothing(more: Row, order: list[int]) -> None:
    made = [{**row, **(more if row["build_commit"] == NEW else {})} for row in rows()]
    assert words([made[place] for place in order]) == TRUTH
    assert words([{**row, **(more if row["build_commit"] == OLD else {})} for row in rows()]) == TRUTH


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["avg_ttft_ms", "avg_power_w", "accept_rate", "peak_vram_mib", "foo"]),
    st.lists(st.floats(0.1, 9.9).map(lambda x: round(x, 3) + 0.000171), min_size=16, max_size=16, unique=True),
)
def test_columns_that_measure_change_nothing(name: str, values: list[float]) -> None:
    assert words([{**row, name: value} for row, value in zip(rows(), values, strict=True)]) == TRUTH


def nights(change: Callable[[int], Row], level: float = 0.8) -> list[Row]:
    """60 nights of one row each; from night 30 on slower, with the columns that `change` gives a night."""
    plain = {name: value for name, value in llama_rows()[0].items() if name not in LLAMA_BENCH and name != "samples_ts"}
    draw = np.random.default_rng(2)
    made = []
    for night in range(60):
        mean_ns = int(2e9 / (level if night >= 30 else 1) * (1 + 0.005 * draw.standard_normal()))
        at = f"2026-{night // 28 + 1:02d}-{night % 28 + 1:02d}T02:00:00Z"
        made.append({**plain, "build_commit": f"{night:09x}", "test_time": at, **times(mean_ns), **change(night)})
    return made


UNKNOWN = st.dictionaries(
    st.from_regex(r"[a-z]{1,8}_[a-z]{2,8}", fullmatch=True),
    st.integers(0, 99) | st.booleans() | st.text(max_size=20),
    max_size=3,
)


@settings(max_examples=15, deadline=None)
@given(UNKNOWN, UNKNOWN, st.sampled_from([4, 8]), st.sampled_from(["GPU", "GPU (driver B)"]))
def test_a_loss_of_20_percent_is_found_whatever_came_and_went_with_it(
    before: Row, after: Row, threads: int, gpu: str
) -> None:
    def change(night: int) -> Row:
        return before if night < 30 else {**after, "n_threads": threads, "gpu_info": gpu}

    found = judge_history(points(nights(change)))
    assert [(one.word, one.open, one.index) for one in found.changes] == [("slower", True, 30)]
    assert found.exit_code == 3
