from __future__ import annotations

import itertools
import statistics

import pytest

from lab.analysis.run.stats import describe, percentile, ratio_interval


def test_describe_agrees_with_numbers_worked_by_hand() -> None:
    stat = describe([2.0, 4.0, 4.0, 5.0, 10.0])
    assert stat is not None
    assert (stat.n, stat.median, stat.mean, stat.low, stat.high) == (5, 4.0, 5.0, 2.0, 10.0)
    assert stat.sd == pytest.approx(3.0)  # squares 9+1+1+0+25 = 36 over n-1 = 4
    assert stat.mad == 1.0  # deviations 2 0 0 1 6
    assert stat.cv == pytest.approx(0.6)


def test_one_sample_has_no_spread_and_none_has_no_statistics() -> None:
    stat = describe([7.0])
    assert stat is not None
    assert (stat.median, stat.sd, stat.cv, stat.mad) == (7.0, None, None, 0.0)
    assert describe([]) is None


@pytest.mark.parametrize(("q", "least"), [(50, 1), (90, 20), (99, 200)])
def test_percentiles_are_null_below_the_samples_they_need(q: int, least: int) -> None:
    assert percentile([1.0] * (least - 1), q) is None
    assert percentile([1.0] * least, q) == 1.0


def test_percentiles_of_a_known_ramp() -> None:
    ramp = [float(i) for i in range(201)]
    assert [percentile(ramp, q) for q in (50, 90, 99)] == [100.0, 180.0, 198.0]


def test_interval_of_identical_constant_sides_is_a_point() -> None:
    assert ratio_interval([2.0] * 5, [3.0] * 5) == (1.5, 1.5)


def test_interval_is_the_same_each_time() -> None:
    a, b = [9.0, 10.0, 11.0, 10.5], [8.0, 9.5, 9.0, 10.0]
    assert ratio_interval(a, b) == ratio_interval(a, b)


def test_interval_matches_the_whole_bootstrap_distribution() -> None:
    """With three samples a side all 27 x 27 resamples can be listed: the sampled interval must agree."""
    a, b = [10.0, 11.0, 13.0], [20.0, 24.0, 25.0]
    below = [statistics.median(pick) for pick in itertools.product(a, repeat=3)]
    above = [statistics.median(pick) for pick in itertools.product(b, repeat=3)]
    ratios = sorted(y / x for x in below for y in above)
    exact = (ratios[round(0.025 * len(ratios))], ratios[round(0.975 * len(ratios)) - 1])
    assert ratio_interval(a, b) == pytest.approx(exact, rel=1e-9)


def test_no_interval_from_two_samples_or_over_zero() -> None:
    assert ratio_interval([1.0, 2.0], [1.0, 2.0, 3.0]) is None
    assert ratio_interval([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]) is None
