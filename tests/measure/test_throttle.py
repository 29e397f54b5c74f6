from __future__ import annotations

import pytest

from lab.measure.conditions.throttle import by_clock, by_pressure, by_rate, judge

STEADY = [0.1] * 30
SLOWING = [0.1] * 10 + [0.105] * 10 + [0.12] * 10


def clocks(*mhz: float | None) -> dict[str, object]:
    return {"cpu_mhz": list(mhz)}


@pytest.mark.parametrize(
    ("before", "during", "verdict"),
    [
        ([3000.0, 1000.0], [3000.0, 2900.0, 2950.0], False),
        ([3000.0, 1000.0], [2500.0, 2540.0, 2560.0], True),  # the median, 15.3 % lower
        ([3000.0, 1000.0], [2560.0, 2540.0, 2560.0], False),  # the median, 14.7 % lower
        ([800.0, 800.0], [3000.0], False),
        (None, [3000.0], None),
        ([3000.0], [None, None], None),
        ([3000.0], [], None),
    ],
)
def test_clock(before: list[float] | None, during: list[float | None], verdict: bool | None) -> None:
    assert by_clock({"cpu_mhz": before}, clocks(*during), threads=1)[0] is verdict


def test_only_as_many_cores_as_there_are_threads_count() -> None:
    before = {"cpu_mhz": [1000.0, 3000.0, 2000.0]}
    assert by_clock(before, clocks(2500.0), threads=2)[0] is False
    assert by_clock(before, clocks(2500.0), threads=1) == (
        True,
        "the clock fell by 17 %, from 3000 to 2500 MHz",
    )


def test_rate() -> None:
    assert by_rate(STEADY, context=512) == (False, None)
    assert by_rate(SLOWING, context=512) == (True, "slowed within the run by 20 %")
    assert by_rate([0.1] * 20 + [0.109] * 10, context=512)[0] is False
    assert by_rate(SLOWING[::-1], context=512)[0] is False


def test_one_slow_token_is_not_throttling() -> None:
    assert by_rate([*STEADY[:-1], 5.0], context=512)[0] is False


def test_a_context_that_grows_much_excuses_slower_steps() -> None:
    verdict, reason = by_rate(SLOWING, context=16)
    assert verdict is None
    assert "the context grew by" in str(reason)


def test_too_few_gaps_tell_nothing() -> None:
    assert by_rate(SLOWING[:11], context=512) == (None, "11 gaps are too few to compare late with early")


def test_any_sign_is_enough_and_none_at_all_is_null() -> None:
    before = {"cpu_mhz": [3000.0]}
    assert judge(before, clocks(2000.0), 1, STEADY, 512)[0] is True
    assert judge(before, clocks(3000.0), 1, SLOWING, 512)[0] is True
    assert judge(None, None, 1, STEADY, 512) == (False, None, None)
    assert judge(None, None, 1, [], 512) == (
        None,
        "clocks not measured; 0 gaps are too few to compare late with early",
        None,
    )


def test_which_signs_tell_it_and_whether_the_clock_is_known_not_to_have_fallen() -> None:
    before, slowed = {"cpu_mhz": [3000.0]}, "slowed within the run by 20 %"
    assert judge(before, clocks(3000.0), 1, SLOWING, 512) == (True, f"{slowed}, clock unchanged", ("rate",))
    assert judge(None, None, 1, SLOWING, 512) == (True, f"{slowed}, clock not measured", ("rate",))
    fell = "the clock fell by 33 %, from 3000 to 2000 MHz"
    assert judge(before, clocks(2000.0), 1, SLOWING, 512) == (True, f"{fell}; {slowed}", ("clock", "rate"))


@pytest.mark.parametrize(
    ("during", "verdict"),
    [
        ({"thermal_pressure": ["nominal", "nominal"]}, False),
        ({"thermal_pressure": ["nominal", "moderate"]}, None),
        ({"thermal_pressure": ["nominal", "heavy", "nominal"]}, True),
        ({"thermal_pressure": ["nominal", None]}, False),
        ({"thermal_pressure": [None, None], "speed_limit": [None, None]}, None),
        ({"thermal_pressure": ["nominal"], "speed_limit": [1.0, 0.35]}, True),
        ({}, None),
        (None, None),
    ],
)
def test_heat_that_slows(during: dict[str, object] | None, verdict: bool | None) -> None:
    assert by_pressure(during)[0] is verdict


def test_a_mac_under_pressure_is_slowed_down_whatever_its_gaps_are() -> None:
    during = {"cpu_mhz": [None], "thermal_pressure": ["heavy"]}
    assert judge({}, during, 1, STEADY, 1000) == (True, "thermal pressure was heavy", ("heat",))
    assert judge({}, {**during, "thermal_pressure": ["nominal"]}, 1, STEADY[:4], 1000)[0] is False
