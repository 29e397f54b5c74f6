from __future__ import annotations

from dataclasses import replace

import pytest

from lab.formats.test import Test
from lab.measure.runner.repetition import Timing, metrics, why_rejected

MS = 1_000_000


def timing(tokens_ms: list[float], submit_ms: float = 1000, prompt: int = 100, depth: int = 0) -> Timing:
    stamps = tuple(round(at * MS) for at in tokens_ms)
    return Timing(round(submit_ms * MS), stamps, prompt, len(stamps), depth)


def test_definitions() -> None:
    # 100 tokens in 2 s; then 5 tokens over 0.4 s, of which the first belongs to the prefill.
    run = timing([3000, 3050, 3150, 3300, 3400])
    cell = Test(prompt=100, generate=5)
    assert why_rejected(cell, run) is None
    found = metrics(cell, run)
    assert found.prefill_tok_per_s == pytest.approx(50.0)
    assert found.ttft_s == pytest.approx(2.0)
    assert found.decode_tok_per_s == pytest.approx(10.0)
    assert found.ttst_s == pytest.approx(0.05)
    assert found.itl_s == pytest.approx((0.05, 0.1, 0.15, 0.1))


def test_two_tokens_make_one_gap() -> None:
    found = metrics(Test(prompt=100, generate=2), timing([1500, 1750]))
    assert found.decode_tok_per_s == pytest.approx(4.0)
    assert found.itl_s == pytest.approx((0.25,))
    assert found.ttst_s == found.itl_s[0]


def test_neither_the_start_of_the_clock_nor_the_depth_enters_a_rate() -> None:
    shallow = metrics(Test(100, 3), timing([3000, 3100, 3200]))
    offset = 7_000_000_000_000
    deep = metrics(Test(100, 3, 2048), timing([offset + 3000, offset + 3100, offset + 3200], offset + 1000, depth=2048))
    assert shallow == deep


def test_the_positions_of_an_image_are_prefilled_too() -> None:
    plain = timing([3000, 3050, 3150])
    found, without = (metrics(Test(100, 3), one) for one in (replace(plain, image_positions=32), plain))
    assert found.prefill_tok_per_s == pytest.approx(132 / 2)
    assert (found.ttft_s, found.decode_tok_per_s) == (without.ttft_s, without.decode_tok_per_s)


def test_a_judgement_is_from_the_submit_to_the_scores() -> None:
    run = Timing(1000 * MS, (3000 * MS,), prompt_tokens=100, generated_tokens=0)
    cell = Test(prompt=100, generate=0)
    assert why_rejected(cell, run) is None
    found = metrics(cell, run)
    assert (found.judgements_per_s, found.judgement_s, found.prefill_tok_per_s) == (0.5, 2.0, 50.0)
    assert found.decode_tok_per_s is found.ttft_s is found.ttst_s is found.itl_s is None
    assert "1 generated tokens instead of 0" in str(why_rejected(cell, timing([3000])))


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (Test(100, 4), "the runner counted 3 generated tokens instead of 4, 3 time stamps instead of 4"),
        (Test(101, 3), "the runner counted 100 prompt tokens instead of 101"),
        (Test(100, 3, 64), "the runner counted 0 tokens of depth instead of 64"),
    ],
)
def test_other_counts_are_rejected(cell: Test, reason: str) -> None:
    assert why_rejected(cell, timing([2000, 2100, 2200])) == reason


def test_a_count_that_the_stamps_do_not_bear_out_is_rejected() -> None:
    run = Timing(0, (10, 20), prompt_tokens=100, generated_tokens=3)
    assert why_rejected(Test(100, 3), run) == "the runner counted 2 time stamps instead of 3"


def test_only_a_first_token_is_rejected() -> None:
    assert "1 generated tokens instead of 2" in str(why_rejected(Test(100, 2), timing([2000])))


def test_no_token_is_rejected() -> None:
    assert "0 generated tokens instead of 2" in str(why_rejected(Test(100, 2), timing([])))


@pytest.mark.parametrize(
    ("stamps", "reason"),
    [
        ([2000, 1900, 2100], "token 1 is stamped before token 0: the clock jumped"),
        ([2000, 2100, 2099.999], "token 2 is stamped before token 1: the clock jumped"),
        ([1000, 1100, 1200], "the first token is not stamped after the submit: the clock jumped"),
        ([900, 1100, 1200], "the first token is not stamped after the submit: the clock jumped"),
        (
            [2000, 2000, 2000],
            "all tokens bear one time stamp: they came as one chunk, so the gaps are unknown",
        ),
    ],
)
def test_a_clock_that_jumps_is_rejected(stamps: list[float], reason: str) -> None:
    assert why_rejected(Test(100, 3), timing(stamps)) == reason
