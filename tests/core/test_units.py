from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.units import change, change_size, p_value, percent


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.05, "5 %"), (0.005, "0.5 %"), (0.025, "2.5 %"), (1.3, "130 %"), (0, "0 %"), (-1e-9, "0 %")],
)
def test_percent(fraction: float, text: str) -> None:
    assert percent(fraction) == text


def test_percent_with_digits() -> None:
    assert (percent(0.0512, 0), percent(0.0512, 1), percent(0.05, 2), percent(-0.0001, 0)) == (
        "5 %", "5.1 %", "5.00 %", "0 %",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ratio", "signed", "size"),
    [
        (1.098, "+9.8 %", "9.8 %"),
        (0.909, "-9.1 %", "9.1 %"),
        (1.0, "0.0 %", "0.0 %"),
        (0.99999, "0.0 %", "0.0 %"),
        (3.0, "3 times", "a factor of 3"),
        (0.25, "0.25 times", "a factor of 4"),
        (0.0, "0 times", "0 times"),
    ],
)
def test_a_change_has_its_sign_once(ratio: float, signed: str, size: str) -> None:
    assert (change(ratio), change_size(ratio)) == (signed, size)


@given(st.floats(min_value=0.501, max_value=1.999))
def test_the_sign_is_that_of_the_difference_and_nothing_is_minus_zero(ratio: float) -> None:
    text = change(ratio)
    assert math.isclose(float(text.removesuffix(" %")), (ratio - 1) * 100, abs_tol=0.0501)
    assert text[0] in "+-" or text == "0.0 %"
    assert text != "-0.0 %"
    assert change_size(ratio)[0] not in "+-"


def test_p() -> None:
    assert (p_value(3e-6), p_value(0.0031), p_value(0.2)) == ("p = 3e-06", "p = 0.0031", "p = 0.2")
