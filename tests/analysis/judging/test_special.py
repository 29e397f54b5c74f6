"""Distribution functions against closed forms and against numbers summed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.analysis.judging.special import (
    digamma,
    f_above,
    t_quantile,
    t_quantile_near,
    t_two_sided,
    trigamma,
    trigamma_inverse,
)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, 4.0, 30.0])
def test_student_with_one_and_two_degrees_of_freedom_has_closed_forms(t: float) -> None:
    assert t_two_sided(t, 1)[()].item() == pytest.approx(1 - 2 / math.pi * math.atan(t), rel=1e-9)
    assert t_two_sided(t, 2)[()].item() == pytest.approx(1 - t / math.sqrt(2 + t * t), rel=1e-9)


def test_student_with_many_degrees_of_freedom_is_normal() -> None:
    assert t_two_sided(3.0, np.inf).item() == pytest.approx(math.erfc(3 / math.sqrt(2)), rel=1e-6)


@pytest.mark.parametrize("df", [2.5, 8.0, 31.0])
def test_student_is_the_integral_of_its_density(df: float) -> None:
    x = np.linspace(0, 2.5, 200_001)
    front = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    density = front * (1 + x**2 / df) ** (-(df + 1) / 2)
    assert t_two_sided(2.5, df).item() == pytest.approx(1 - 2 * np.trapezoid(density, x), rel=1e-8)


def test_quantiles_undo_the_distribution() -> None:
    p = np.array([0.05, 1e-4, 0.9])
    np.testing.assert_allclose(t_two_sided(t_quantile(p, 7.5), 7.5), p, rtol=1e-9)
    np.testing.assert_allclose(t_quantile_near(1e-4, [8.0, 60.0]), t_quantile(1e-4, [8.0, 60.0]), rtol=0.06)


def test_f_with_two_and_two_is_a_closed_form() -> None:
    f = np.array([0.1, 1.0, 9.0])
    np.testing.assert_allclose(f_above(f, 2, 2), 1 / (1 + f), rtol=1e-9)


def test_the_derivatives_of_log_gamma() -> None:
    x, step = np.array([0.4, 1.0, 6.5]), 1e-5
    slope = [(math.lgamma(each + step) - math.lgamma(each - step)) / (2 * step) for each in x]
    np.testing.assert_allclose(digamma(x), slope, rtol=1e-6, atol=1e-8)
    assert trigamma(1.0).item() == pytest.approx(math.pi**2 / 6, rel=1e-10)
    assert trigamma_inverse(math.pi**2 / 6) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("y", [1e-6, 0.01, 0.3, 7.0, 1e4, 1e8])
def test_the_inverse_undoes_trigamma(y: float) -> None:
    assert trigamma(trigamma_inverse(y)).item() == pytest.approx(y, rel=1e-6)
