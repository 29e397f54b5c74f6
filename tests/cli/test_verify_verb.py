"""`lab verify` around the comparing; test_whole_path.py does it for real."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from lab.analysis.agreement import Agreement
from lab.jobs.build import Pipeline
from lab.jobs.verify import Verification
from tests.cli.conftest import Lab

VERIFY = ("verify", "--target", "local", "--model", "phi3-mini-q4")


def finding(error: float) -> Verification:
    near = Agreement(16, error, error, 0.05, 0.1, 0.0002, 1.0, error <= 0.05)
    return Verification("local", "phi3-mini-q4", "b" * 64, 64, 16, near)


@pytest.mark.parametrize(("error", "code", "word"), [(0.01, 0, "passed"), (0.2, 1, "FAILED")])
def test_the_verdict_is_a_word_and_an_exit_code(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, error: float, code: int, word: str
) -> None:
    monkeypatch.setattr("lab.jobs.verify.verify", lambda *_: finding(error))
    ran = lab(*VERIFY)
    assert ran.code == code
    assert word in ran.out
    document = lab(*VERIFY, "--json").document
    assert document["agreement"]["passed"] == (code == 0)
    assert document["agreement"]["rel_error_worst"] == error


def test_too_little_memory_is_refused_with_the_sum_before_anything_is_built(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        pytest.fail("it was built before it was refused")

    monkeypatch.setattr(Pipeline, "library", refuse)
    monkeypatch.setattr(
        "lab.devices.local.LocalDevice.facts", lambda self: {"cores": 2, "mem_available_bytes": 1 << 30}
    )
    ran = lab(*VERIFY)
    assert ran.code == 1
    assert "not enough memory: needs 2.0 GiB weights + 30.0 MiB KV cache + about " in ran.err
    assert "available 1.0 GiB" in ran.err


def test_without_torch_it_says_so_before_anything_is_built(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        pytest.fail("it was built before it was refused")

    monkeypatch.setattr(Pipeline, "library", refuse)
    monkeypatch.setattr(Pipeline, "weights", refuse)
    monkeypatch.setitem(sys.modules, "torch", None)
    ran = lab(*VERIFY)
    assert ran.code == 1
    assert "pip install -e '.[verify]'" in ran.err
