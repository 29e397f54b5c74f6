from __future__ import annotations

import math

import numpy as np
import pytest

from lab.analysis.agreement import agreement
from lab.core.errors import MeasureError


def test_equal_logits_agree_fully() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 5.0]])
    found = agreement(logits, logits, 0.01)
    assert (found.rel_error, found.abs_error_max, found.kl_divergence_nats) == (0.0, 0.0, 0.0)
    assert (found.argmax_agreement, found.positions, found.passed) == (1.0, 2, True)


def test_numbers_worked_by_hand() -> None:
    """Two tokens, so that the softmax of log-odds is known: p = (3/4, 1/4) against q = (1/2, 1/2)."""
    want = np.array([[math.log(3.0), 0.0]])
    got = np.array([[0.0, 0.0]])
    found = agreement(got, want, 0.05)
    assert found.kl_divergence_nats == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert found.rel_error == pytest.approx(1.0)
    assert found.abs_error_max == pytest.approx(math.log(3.0))
    assert not found.passed


def test_one_bad_position_fails_though_the_whole_is_near() -> None:
    want = np.ones((100, 4))
    got = want.copy()
    got[7] *= 1.2
    found = agreement(got, want, 0.05)
    assert found.rel_error < 0.05 < found.rel_error_worst
    assert not found.passed


def test_a_nan_never_passes() -> None:
    want = np.ones((1, 4))
    assert not agreement(want * np.nan, want, 0.05).passed


def test_argmax_agreement_is_a_fraction_of_positions() -> None:
    want = np.array([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0], [1.0, 2.0]])
    got = np.array([[2.0, 1.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]])
    assert agreement(got, want, 10.0).argmax_agreement == 0.75


def test_unlike_shapes_are_refused() -> None:
    with pytest.raises(MeasureError, match="shape"):
        agreement(np.ones((1, 3)), np.ones((1, 4)), 0.05)
