"""The time from a process's start to its first token, of programs that compute nothing."""

from __future__ import annotations

import time

import pytest

from benchmarks.first_token import CELL, ours_s, theirs_s
from lab.core.errors import MeasureError
from lab.measure.llama.engine import LlamaEngine
from lab.measure.runner.engine import RunnerEngine
from tests.measure.peers import Peers


def prepared(peers: Peers, name: str) -> LlamaEngine | RunnerEngine:
    bench = peers.bench
    plan = bench.plan.changed(cells=(CELL,), threads=2, warmup_cap=0)
    engine = peers.setup(name).prepare(bench.device, bench.device.facts(), plan)
    assert isinstance(engine, (LlamaEngine, RunnerEngine))
    return engine


@pytest.mark.parametrize("name", ["llama.cpp", "ik_llama.cpp"])
def test_a_peer_starts_cold_and_repacks(peers: Peers, name: str) -> None:
    engine = prepared(peers, name)
    assert isinstance(engine, LlamaEngine)
    began = time.monotonic()
    took = theirs_s(engine, peers.bench.device, "avx2")
    assert 0 < took <= time.monotonic() - began
    (argv,) = peers.calls()
    assert argv[argv.index("-p") + 1] == "128"
    assert "--no-warmup" in argv or argv[argv.index("-w") + 1] == "0"
    assert name == "llama.cpp" or argv[argv.index("-rtr") + 1] == "1"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("sigsegv", "no first token: exit code -11, 0 rows"), ("another-model", "parameters 7000000000 instead")],
)
def test_one_that_fails_gives_no_time(peers: Peers, fault: str, reason: str) -> None:
    peers.faults = {"0": fault}
    engine = prepared(peers, "ik_llama.cpp")
    assert isinstance(engine, LlamaEngine)
    with pytest.raises(MeasureError, match=reason):
        theirs_s(engine, peers.bench.device, "avx2")


def test_a_peer_built_for_less_than_the_machine_has_is_refused(peers: Peers) -> None:
    engine = prepared(peers, "ik_llama.cpp")
    assert isinstance(engine, LlamaEngine)
    with pytest.raises(MeasureError, match=r"ik_llama\.cpp was built for avx2, and here is avx512-vnni") as caught:
        theirs_s(engine, peers.bench.device, "avx512-vnni")
    assert "scripts/build-llama-bench --ik" in str(caught.value.hint)


def test_ours_is_to_the_stamp_of_its_first_token(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = prepared(peers, "tvm")
    assert isinstance(engine, RunnerEngine)
    with pytest.raises(MeasureError, match="another clock"):  # the fake's stamps begin at its own 0
        ours_s(engine, peers.bench.device)
    monkeypatch.setattr(time, "monotonic_ns", lambda: 0)
    assert 0 < ours_s(engine, peers.bench.device) < 60
