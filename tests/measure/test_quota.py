"""What a CPU quota does to a repetition is on its record, and said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.analysis.run.summary import summarise
from lab.core.errors import StoreError
from lab.formats.run_record import CpuQuota, Repetition
from lab.formats.test import Test
from lab.measure.conditions.gates import Conditions, Gate
from lab.measure.conditions.quota import cpu_quota, quota_columns
from lab.measure.turns import progress_line
from tests.analysis.documents import cell, record


def state(periods: int | None, throttled: int | None) -> dict[str, Any]:
    return {"cpu_quota": {"cores": 0.5, "periods": periods, "throttled_periods": throttled}}


def surroundings(during: list[dict[str, Any]], after: dict[str, Any] | None) -> Repetition:
    gate = Gate(True, 0.0, None, None, None, ())
    columns = quota_columns(during)
    return Conditions(0, 0, gate, during[0] if during else {}, during=columns, after=after).bare()


def test_stops_are_counted_from_the_first_sample_to_the_end() -> None:
    row = surroundings([state(100, 40), state(105, 44)], state(112, 50))
    assert row.cpu_quota == CpuQuota(0.5, 12, 10)


def test_without_a_quota_nothing_is_recorded() -> None:
    assert quota_columns([{"cpu_quota": None}, {}]) == {}
    assert surroundings([{"cpu_quota": None}], {}).cpu_quota is None


def test_a_kernel_that_does_not_count_is_null() -> None:
    row = surroundings([state(None, None)], state(None, None))
    assert row.cpu_quota == CpuQuota(0.5, None, None)
    assert cpu_quota(state(1, 1), None, None) == CpuQuota(0.5, None, None)


def test_who_watches_is_told() -> None:
    row = replace(
        surroundings([state(100, 40)], state(112, 50)), prefill_tok_per_s=1.0, decode_tok_per_s=1.0, throttled=None
    )
    assert "stopped by the CPU quota in 10 of 12 periods" in progress_line(Test(8, 8), row, 5)


@pytest.mark.parametrize("stopped", [0, 9])
def test_the_summary_has_a_flag_when_it_was_stopped(stopped: int) -> None:
    one = cell()
    for repetition in one["repetitions"]:
        repetition["cpu_quota"] = {"cores": 0.5, "periods": 20, "throttled_periods": stopped}
    (found,) = summarise(record(cells=[one]))
    texts = [flag.text for flag in found.flags if flag.code == "cpu_quota"]
    whole = len(one["repetitions"])
    stops = f"{stopped * whole} of {20 * whole} periods"
    wanted = f"a CPU quota of 0.5 cores stopped it in {stops}; token gaps include those stops"
    assert texts == ([wanted] if stopped else [])


@pytest.mark.parametrize("odd", [7, "x", {"cores": "\x1b", "periods": "9", "throttled_periods": 3}])
def test_a_quota_of_another_form_is_refused_by_its_key(odd: object) -> None:
    one = cell()
    one["repetitions"][0]["cpu_quota"] = odd
    with pytest.raises(StoreError, match=r"repetitions\[0\].cpu_quota.*: expected") as caught:
        record(cells=[one])
    assert "\x1b" not in caught.value.what
