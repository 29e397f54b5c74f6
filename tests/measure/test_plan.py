from __future__ import annotations

from dataclasses import replace

import pytest

from lab.core.errors import UsageError
from lab.formats.target import MeasureSpec
from lab.formats.test import Test
from lab.measure.document import plan_record
from lab.measure.plan import Plan, cells_of, plan_for
from tests.measure.samples import TARGET


def test_cells_are_every_combination_in_order_and_once() -> None:
    cells = cells_of([128, 512, 128], [2], [0, 64])
    assert cells == (Test(128, 2, 0), Test(128, 2, 64), Test(512, 2, 0), Test(512, 2, 64))
    assert [cell.label for cell in cells[2:]] == ["pp512+tg2", "pp512+tg2@d64"]
    assert cells_of() == (Test(512, 128, 0),)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (([0], [2], [0]), "--prompt 0: must be 1 to"),
        (([1], [1], [0]), "--generate 1: must be 2 to .*two tokens"),
        (([1], [2], [-1]), "--depth -1: must be 0 to"),
        (([1], [2], [1 << 40]), "--depth 1099511627776: must be 0 to"),
        (([], [2], [0]), "--prompt: no number given"),
    ],
)
def test_numbers_out_of_range(axes: tuple[list[int], list[int], list[int]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        cells_of(*axes)


def test_a_plan_takes_what_the_target_says_and_what_is_put_over_it() -> None:
    target = replace(TARGET, measure=MeasureSpec(repeats=7, cv_gate=0.02, prefill_chunk=256))
    plan = plan_for(target, cells_of(), default=6, repeats=None, max_busy=0.9)
    assert (plan.repeats, plan.measure.cv_gate, plan.measure.prefill_chunk) == (7, 0.02, 256)
    assert plan.measure.max_busy == 0.9
    assert plan.threads == 6  # 0 in the target: every core
    assert plan_for(target, cells_of(), default=6, threads=2).threads == 2


def test_values_that_no_plan_can_have() -> None:
    with pytest.raises(UsageError, match="repeats = 0: must be 1 or more"):
        plan_for(TARGET, cells_of(), default=1, repeats=0)
    with pytest.raises(UsageError, match="the plan has no cells"):
        plan_for(TARGET, (), default=1)


@pytest.mark.parametrize(
    "change", [{"threads": 2}, {"prefill_chunk": 64}, {"warmup_cap": 1}, {"warmup_spread": 0.2}, {"seed": 1}]
)
def test_settings_that_change_the_number_change_the_fingerprint(change: dict[str, float]) -> None:
    plan = Plan(cells=cells_of())
    assert plan.changed(**change).settings_fingerprint != plan.settings_fingerprint


def test_settings_that_do_not_change_the_number_leave_the_fingerprint() -> None:
    plan = Plan(cells=cells_of())
    other = plan.changed(cells=cells_of([1]), repeats=9, cv_gate=0.5, gate_timeout_s=1.0, timeout_s=5.0)
    assert other.settings_fingerprint == plan.settings_fingerprint
    assert plan_record(plan).settings_fingerprint == plan.settings_fingerprint


def test_an_emulated_device_takes_no_more_threads_than_the_machine_around_it_has() -> None:
    target = replace(TARGET, measure=MeasureSpec(threads=2), device=replace(TARGET.device, emulated=True))
    assert plan_for(target, cells_of(), default=1).threads == 1
    assert plan_for(target, cells_of(), default=8).threads == 2
    assert plan_for(target, cells_of(), default=None).threads == 2
    assert plan_for(replace(target, device=TARGET.device), cells_of(), default=1).threads == 2  # check_threads refuses
