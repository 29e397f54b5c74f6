"""One legend: each word that a table, a dashboard or a page may show has its explanation."""

from __future__ import annotations

from typing import get_args

from lab.analysis import legend
from lab.analysis.points.table import FLAGS
from lab.analysis.points.table import STATUSES as POINT_STATUSES
from lab.formats.metrics import judged, metric
from lab.formats.run_record import CellStatus, RepetitionStatus, RunStatus
from lab.formats.verdicts import VERDICTS, Word


def words() -> list[str]:
    return [word for section in legend.legend() for word, _ in section.words]


def test_every_verdict_status_label_and_judged_metric_is_explained() -> None:
    assert set(VERDICTS) == set(get_args(Word))
    assert {row.label for row in VERDICTS.values()} <= set(words())
    statuses = {*get_args(RunStatus), *get_args(CellStatus), *get_args(RepetitionStatus), *POINT_STATUSES}
    assert set(legend.STATUSES) == statuses
    assert set(FLAGS) <= set(legend.LABELS)
    assert {metric(name).title for name in judged()} <= set(words())


def test_no_word_has_two_meanings_and_none_is_empty() -> None:
    assert len(words()) == len(set(words())) + 1  # a verdict and a label: fell back, of the same meaning
    assert all(meaning.endswith(".") for section in legend.legend() for _, meaning in section.words)


def test_the_name_of_a_word_for_programs_stays() -> None:
    assert VERDICTS["unproven"].name == "unproven"
    assert VERDICTS["unproven"].label == "inconclusive"
