"""What the speed benchmark says was reached, on sessions whose ratios are known."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import replace

import pytest

from benchmarks.against_llama import main
from benchmarks.bars import DECODE, PREFILL, Bar, Row, of_roof, seconds, speed
from benchmarks.bars_table import render
from benchmarks.sessions import AsBefore, busy_core
from lab.analysis.compare.side_by_side import PEAK
from lab.core.errors import LabError
from lab.formats.run_record import CellMemory, RunRecord
from tests.measure.peers import Peers

FASTER = Bar("decode", 1.5, 2.0)
SMALLER = Bar("memory", 0.70, 0.62, lower_is_better=True)


def with_rates(record: RunRecord, prefill: list[float], decode: list[float], peak: int) -> RunRecord:
    """The record with three repetitions of those rates beside 40 GB/s, and that peak of memory."""
    (cell,) = record.cells
    rows = tuple(
        replace(cell.repetitions[0], index=i, prefill_tok_per_s=p, decode_tok_per_s=d, bandwidth_bytes_per_s=(40e9,))
        for i, (p, d) in enumerate(zip(prefill, decode, strict=True))
    )
    memory = CellMemory("VmHWM", peak, None, None, None, None)
    return replace(record, cells=(replace(cell, repetitions=rows, memory=memory),))


@pytest.fixture
def session(peers: Peers) -> tuple[RunRecord, RunRecord]:
    ours, theirs = peers.run(repeats=1)
    return (
        with_rates(ours, [200, 210, 190], [20, 22, 24], 600),
        with_rates(theirs, [100, 105, 95], [10, 11, 12], 1000),
    )


@pytest.mark.parametrize(
    ("bar", "value", "reached"),
    [
        (FASTER, 2.0, "stretch"),
        (FASTER, 1.99, "bar"),
        (FASTER, 1.5, "bar"),
        (FASTER, 1.49, "missed"),
        (SMALLER, 0.62, "stretch"),
        (SMALLER, 0.63, "bar"),
        (SMALLER, 0.70, "bar"),
        (SMALLER, 0.71, "missed"),
    ],
)
def test_what_is_reached(bar: Bar, value: float, reached: str) -> None:
    assert Row(bar, value).reached == reached


def test_ratios_are_of_medians_and_carry_their_interval(session: tuple[RunRecord, RunRecord]) -> None:
    found = speed(session, "pp8+tg20", PREFILL, Bar("prefill", 1.8, 2.5))
    assert (found.value, found.ours, found.theirs) == (2.0, 200, 100)
    assert found.interval == (2.0, 2.0)  # the pairs agree exactly, whatever varies between them
    assert speed(session, "pp8+tg20", DECODE, FASTER).value == 2.0
    memory = speed(session, "pp8+tg20", PEAK, SMALLER)
    assert (memory.value, memory.interval, memory.reached) == (0.6, None, "stretch")


def test_the_fraction_of_the_roof(session: tuple[RunRecord, RunRecord]) -> None:
    (row,) = of_roof(session[0], "pp8+tg20", Bar("roof", 0.9, 0.97, "1"))
    model, bundle = session[0].model, session[0].bundle
    assert model.sliding_window is None or model.sliding_window > 28
    seen = 8 + 1 + 18 / 2  # the mean context of 19 steps
    assert row.value == pytest.approx(
        22 * (bundle.decode_weight_bytes_per_token + bundle.kv_bytes_per_token * seen) / 40e9
    )


def test_a_cell_that_the_session_lacks_is_an_error(session: tuple[RunRecord, RunRecord]) -> None:
    with pytest.raises(KeyError):
        speed(session, "pp9+tg9", PREFILL, FASTER)


def test_the_table_fits_a_terminal_and_says_all(session: tuple[RunRecord, RunRecord]) -> None:
    rows = [
        speed(session, "pp8+tg20", PREFILL, Bar("prefill 2048", 1.8, 2.5)),
        speed(session, "pp8+tg20", PEAK, Bar("memory @2048", 0.70, 0.62, lower_is_better=True)),
        seconds([9.0, 6.0, 7.0], Bar("cold compile", 30, 15, "s", lower_is_better=True)),
    ]
    text = render(rows, session, "python -m benchmarks.against_llama", "2026-01-02")
    assert max(map(len, text.splitlines())) <= 80
    prefill, memory, compiled = (next(line for line in text.splitlines() if row.bar.what[:9] in line) for row in rows)
    assert prefill.split()[-6:] == ["100", "2.00", "2.00–2.00", "1.80", "2.50", "bar"]
    assert memory.split()[-3:] == ["0.700", "0.620", "stretch"]
    assert compiled.split()[-5:] == ["7.00", "–", "30.0", "15.0", "stretch"]
    assert "python -m benchmarks.against_llama" in text
    json.dumps([row.document() for row in rows])


def end_it_early(started: list[subprocess.Popen[bytes]]) -> None:
    with busy_core():
        started[-1].kill()
        started[-1].wait()


def test_a_core_is_kept_busy_only_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(argv: list[str]) -> subprocess.Popen[bytes]:
        started.append(popen(argv))
        return started[-1]

    monkeypatch.setattr("benchmarks.sessions.subprocess.Popen", start)
    with busy_core():
        assert started[0].poll() is None
    assert started[0].returncode == -signal.SIGKILL
    with pytest.raises(LabError, match="nothing was disturbed"):
        end_it_early(started)


def test_engines_keep_their_threads(peers: Peers) -> None:
    setup = AsBefore(peers.setup("tvm"), 1)
    engine = setup.prepare(peers.bench.device, peers.bench.device.facts(), replace(peers.bench.plan, threads=2))
    assert (setup.what, engine.plan.threads) == (peers.setup("tvm").what, 1)


def test_wrong_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["quite"], ["--repeats", "0"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
    assert "Known: quiet, loaded, compile, medium, avx2-prefill, avx2-decode" in capsys.readouterr().err
