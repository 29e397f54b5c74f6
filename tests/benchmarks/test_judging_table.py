"""Who is better over the table of the judges: only what both judged is held against each other."""

from __future__ import annotations

from benchmarks.judging_table import Row, render, score

QUIET = Row("nothing", "normal", "", False, {"lab": [0, 1, 5], "x": [3]}, {})
LOSS = Row("8 %", "normal", "", True, {"lab": [1, 0, 9], "x": [0]}, {"lab": [9, 8, 0], "x": [10]})


def test_a_rule_is_held_against_lab_on_the_matrices_that_it_judged() -> None:
    one = score([QUIET, LOSS], "x")
    assert (one.matrices, one.planted) == (2, 10)
    assert (one.false, one.found, one.false_ours, one.found_ours) == (3, 10, 1, 9)
    assert not one.is_better
    assert score([LOSS], "x").is_better


def test_the_table_says_who_is_better_and_where() -> None:
    lines = "\n".join(render([QUIET, LOSS]))
    assert "| 8 %; normal | 56.7 %, 3.33 | 100.0 %, 0.00 |" in lines
    every, losses = lines.index("Over every row,"), lines.index("Over the rows with losses")
    assert "than lab: no rule." in lines[every:losses]
    assert "than lab: x." in lines[losses:]
