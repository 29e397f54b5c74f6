"""Which bars a machine can judge: what it is, what it lacks, and how the others are marked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import benchmarks.against_llama as against_llama
from benchmarks.against_llama import main
from benchmarks.bars import DECODE, PREFILL, Bar, absent, speed, times_as_fast, with_masked
from benchmarks.bars_table import render
from benchmarks.machine import Machine, this_machine
from benchmarks.parts import PARTS, SHORT, named
from benchmarks.sessions import Ask, check_isa, programs_for
from lab.core.errors import LabError, MeasureError
from lab.formats.run_record import RunRecord
from tests.measure.peers import Peers

ZEN3 = "avx avx2 bmi2 f16c fma"
ALDER_LAKE = f"{ZEN3} avx_vnni"
SKYLAKE_X = f"{ZEN3} avx512f avx512bw avx512dq avx512vl"
AVX2 = ("avx2-prefill", "avx2-decode", "avx2-long")
ZEN5 = f"{SKYLAKE_X} avx512_vnni avx_vnni"


def machine(folder: Path, flags: str, vendor: str = "AuthenticAMD", family: int = 25) -> Machine:
    one = (
        f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel name\t: Ex: ample\nflags\t\t: {flags}\n"
    )
    (folder / "cpuinfo").write_text(f"{one}\n{one.replace('avx', 'other')}\n")
    return this_machine(folder / "cpuinfo")


@pytest.mark.parametrize(
    ("flags", "vendor", "family", "parts"),
    [
        ("", "GenuineIntel", 6, set()),
        (ZEN3, "AuthenticAMD", 25, {*AVX2, "first-command"}),
        (ZEN3, "AuthenticAMD", 23, {*AVX2}),
        (ZEN3, "GenuineIntel", 6, {*AVX2}),
        (ALDER_LAKE, "GenuineIntel", 6, {*AVX2, "avx2-llama"}),
        (SKYLAKE_X, "GenuineIntel", 6, {*AVX2, "avx2-llama"}),
        (f"{SKYLAKE_X} avx512_vnni", "AuthenticAMD", 25, {*AVX2, "avx2-llama", "avx512"}),
        (ZEN5, "AuthenticAMD", 26, {*AVX2, "avx2-llama", "avx512"}),
    ],
)
def test_what_a_machine_can_judge(flags: str, vendor: str, family: int, parts: set[str], tmp_path: Path) -> None:
    found = machine(tmp_path, flags, vendor, family)
    everywhere = {"quiet", "loaded", "compile", "medium", "first-token"}
    assert {name for name, part in PARTS.items() if not part.lacks(found)} == everywhere | parts
    assert PARTS["avx2-decode"].ask(3, found).masked == ("avx2-llama" in parts)
    assert not PARTS["avx512"].ask(3, found).masked


def test_a_name_can_stand_for_several() -> None:
    assert named("avx2") == (*AVX2, "avx2-llama")
    assert named("quiet") == ("quiet",)


def test_another_system_has_nothing(tmp_path: Path) -> None:
    assert this_machine(tmp_path / "none") == Machine()


def test_the_bars_are_those_that_were_set() -> None:
    found = {(name, bar.what): (bar.bar, bar.stretch) for name, part in PARTS.items() for bar in part.bars}
    assert found["avx2-prefill", "prefill 512"] == found["avx2-long", "prefill 2048"] == (1.65, 1.95)
    assert (found["avx2-decode", "decode @0"], found["avx2-long", "decode @2048"]) == ((1.4, 1.5), (1.45, 1.6))
    assert (found["avx2-decode", "decode of roof"], found["avx512", "prefill 512"]) == ((0.95, 0.98), (1.1, 1.3))
    assert (found["first-token", "first token"], found["first-command", "first command"]) == ((2.0, 4.0), (210, 150))
    assert (found["quiet", "prefill 512"], found["quiet", "decode @2048"]) == ((1.8, 2.5), (2.0, 3.0))


def without_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    for name in ("LAB_LLAMA_BENCH", "LAB_IK_LLAMA_BENCH", "LAB_IK_LLAMA_BENCH_AVX2", "LAB_LLAMA_BENCH_AVX2"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_name_all_is_marked_that_cannot_be_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_programs(monkeypatch)
    monkeypatch.setattr(against_llama, "this_machine", lambda: Machine(frozenset(ZEN5.split()), "AuthenticAMD", "26"))
    monkeypatch.setattr(against_llama, "cold_compile_s", lambda model, times: [9.0, 7.0, 8.0])
    assert main(["--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert len(rows) == sum(len(part.bars) for part in PARTS.values())
    judged = {row["bar"]["what"]: row["value"] for row in rows if row["reached"] != "not on this machine"}
    assert judged == {"cold compile": 8.0}
    reasons = {row["why"] for row in rows if row["value"] is None}
    assert "engine ik_llama.cpp needs its llama-bench: LAB_IK_LLAMA_BENCH_AVX2 is not set" in reasons
    assert "the processor is no AMD Zen 3" in reasons
    assert main([]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "Not on this machine" in text
    assert "decode of roof, beside ik_llama.cpp, AVX2" in text


def test_a_part_by_name_needs_its_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    without_programs(monkeypatch)
    monkeypatch.setattr(against_llama, "this_machine", lambda: Machine(frozenset(ZEN5.split())))
    assert main(["avx2"]) == 1
    said = capsys.readouterr().err
    assert "LAB_IK_LLAMA_BENCH_AVX2 is not set" in said
    assert "scripts/build-llama-bench --ik --avx2" in said
    assert main(["first-command"]) == 0
    assert "Not on this machine" in capsys.readouterr().out


def test_a_masked_session_takes_the_masked_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_programs(monkeypatch)
    (tmp_path / "bench").write_text("#!/bin/sh\n")
    (tmp_path / "bench").chmod(0o755)
    monkeypatch.setenv("LAB_IK_LLAMA_BENCH_AVX2", str(tmp_path / "bench"))
    ask = Ask("phi3-mini-q4", (SHORT,), 1, ("ik_llama.cpp",), masked=True)
    assert programs_for(ask) == {"ik_llama.cpp": tmp_path / "bench"}
    with pytest.raises(MeasureError, match="LAB_IK_LLAMA_BENCH is not set"):
        programs_for(replace(ask, masked=False))


@pytest.fixture
def session(peers: Peers) -> tuple[RunRecord, ...]:
    peers.names = ("tvm", "llama.cpp", "ik_llama.cpp")
    peers.speeds, peers.find_threads = {"iq4_xs -rtr": 2.0}, True
    return peers.run(repeats=1)


def test_each_bar_is_held_to_its_own_peer(session: tuple[RunRecord, ...]) -> None:
    slower, faster = (
        speed(session, "pp8+tg20", metric, Bar("x", 1, 2, beside=beside))
        for metric, beside in ((PREFILL, "llama.cpp"), (PREFILL, "ik_llama.cpp"))
    )
    assert faster.theirs == pytest.approx(2 * (slower.theirs or 0))
    assert faster.value == pytest.approx((slower.value or 0) / 2)


def test_what_was_masked_and_which_weights_won_is_shown(session: tuple[RunRecord, ...]) -> None:
    bar = Bar("decode @0", 1.4, 1.5, beside="ik_llama.cpp", machine="AVX2")
    masked = with_masked(speed(session, "pp8+tg20", DECODE, bar), True)
    rows = [masked, *absent([replace(bar, what="other")], "the processor has no AVX2")]
    text = render(rows, session, "c", "2026-01-02")
    assert "Beside ik_llama.cpp, AVX2, masked on both sides at compile time" in text
    assert "prefill iq4_xs -rtr, decode iq4_xs -rtr" in " ".join(text.split())
    assert "1: the processor has no AVX2" in text


@pytest.mark.parametrize(("threads", "warned"), [(1, True), (2, False)])
def test_fewer_threads_than_the_others_are_told(session: tuple[RunRecord, ...], threads: int, warned: bool) -> None:
    ours, _, fork = session
    ours, fork = (replace(one, engine=replace(one.engine, threads=n)) for one, n in ((ours, 2), (fork, threads)))
    text = " ".join(render([], (ours, fork), "c", "2026-01-02").split())
    assert ("! ik_llama.cpp ran with 1 of 2 threads, which was faster when tried" in text) == warned


def test_a_peer_built_for_something_else_is_no_session_of_a_bar(session: tuple[RunRecord, ...]) -> None:
    ours, theirs, fork = session
    ours = replace(ours, engine=replace(ours.engine, requested="llvm avx2"))
    check_isa((ours, theirs, fork), "avx2")
    with pytest.raises(LabError, match=r"ik_llama\.cpp ran with avx2, and the bar is for avx512-vnni"):
        check_isa((replace(ours, engine=replace(ours.engine, requested="llvm avx512-vnni")), fork), "avx512-vnni")
    with pytest.raises(LabError, match="tvm ran with avx2"):
        check_isa((ours,), "avx512-vnni")


def test_the_first_token_is_how_many_times_as_fast() -> None:
    row = times_as_fast([1.0, 2.0, 1.5], [3.0, 6.0, 4.5], Bar("first token", 2, 4, beside="ik_llama.cpp"))
    assert (row.value, row.ours, row.theirs, row.reached) == (3.0, 1.5, 4.5, "bar")
    assert row.interval == (3.0, 3.0)
