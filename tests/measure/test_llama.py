"""llama.cpp as an engine, against a llama-bench that does what a test asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.core.errors import BundleError, DeviceError, MeasureError
from lab.core.fields import encode
from lab.formats.run.engine import PeerBuild
from lab.formats.run_record import CpuQuota
from lab.formats.transports import DeviceSpec
from lab.measure.llama import watch
from lab.measure.llama.engine import LlamaSetup
from lab.measure.llama.peer import find_llama_bench
from lab.measure.llama.peers import LLAMA_CPP
from lab.measure.plan import cells_of
from lab.measure.session import Interrupted
from tests.measure.peers import Peers
from tests.measure.samples import TARGET


@pytest.fixture
def alone(peers: Peers) -> Peers:
    peers.names = ("llama.cpp",)
    return peers


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def shapes(calls: list[list[str]]) -> list[tuple[str, ...]]:
    names = ("-p", "-n", "-pg", "-d")
    return [tuple(option(words, name) if name in words else "" for name in names) for words in calls]


def test_a_cell_becomes_the_same_tests(alone: Peers) -> None:
    alone.run(cells=cells_of([8], [20], [64]), repeats=1, memory_generate=4)
    # Prefill at the depth, decode of the tokens after the first, on what the cache holds by then; then memory:
    # as many tokens, the last four generated, and no depth.
    assert shapes(alone.calls()) == [("8", "0", "", "64"), ("0", "19", "", "72"), ("0", "0", "88,4", "")]


def test_its_settings_are_those_of_the_plan(alone: Peers) -> None:
    alone.run(prefill_chunk=64, threads=2)
    for words in alone.calls():
        found = {name: option(words, name) for name in ("-o", "-r", "-t", "-b", "-ub", "-ctk", "-ctv", "-ngl", "-dev")}
        assert found == {
            "-o": "jsonl",
            "-r": "1",
            "-t": "2",
            "-b": "2048",
            "-ub": "64",
            "-ctk": "f16",
            "-ctv": "f16",
            "-ngl": "0",
            "-dev": "none",
        }
    assert ["--no-warmup" in words for words in alone.calls()] == [False] * 4 + [True]


def test_numbers_of_a_repetition_and_nulls_for_what_it_cannot_tell(alone: Peers) -> None:
    (record,) = alone.run()
    assert (record.status, record.reason) == ("ok", None)
    row = record.cells[0].repetitions[0]
    assert row.prefill_tok_per_s == pytest.approx(100.0)
    assert row.decode_tok_per_s == pytest.approx(20.0)
    unknown = (row.ttft_s, row.ttst_s, row.itl_s, row.load_s, row.submit_ns, row.token_ns, row.rss_peak_bytes)
    assert unknown == (None,) * 7
    assert row.warmup is None
    assert row.gate is not None
    assert row.gate.kept
    assert row.state_during is not None
    processes = row.processes
    assert [(one.test, one.words, list(one.samples_ns)) for one in processes] == [
        ("prefill", "pp8", [80_000_000]),
        ("decode", "tg19 @ d8", [950_000_000]),
    ]
    assert all(one.rss_peak_bytes > 0 and one.warmup for one in processes)
    assert row.major_faults == sum(one.major_faults for one in processes)
    assert store.load(store.find("latest")) == record


def test_the_record_says_what_ran(alone: Peers) -> None:
    (record,) = alone.run()
    engine = record.engine
    assert (engine.name, engine.requested) == ("llama.cpp", "cpu q4_0")
    assert engine.effective == "CPU phi3 3B Q4_0, build abc1234"
    assert engine.build == PeerBuild("abc1234", 7)
    assert engine.settings["flash_attn"] == -1
    assert engine.settings["repack"] is True
    assert str(alone.bench.folder) not in json.dumps(encode(engine))
    assert record.weights.layout == "gguf-q4_0"
    assert record.verify is None
    assert record.protocol.sampling.startswith("none: llama-bench")
    assert record.protocol.process.startswith("two fresh processes")
    assert record.bandwidth is not None
    assert record.bandwidth.before == (30e9, 31e9)
    assert record.time_s.convert == 2.0
    assert record.session is None


def test_memory_comes_from_a_pass_of_its_own_by_the_same_counter(alone: Peers) -> None:
    (record,) = alone.run()
    memory = record.cells[0].memory
    assert memory is not None
    assert memory.counter == record.protocol.memory_counter == "VmHWM"
    assert memory.rss_peak_bytes is not None
    assert 1 << 20 < memory.rss_peak_bytes < 1 << 30
    assert (memory.weights_bytes, memory.kv_bytes, memory.workspace_bytes) == (4000, None, None)
    assert memory.samples
    assert memory.rss_anon_peak_bytes
    assert (memory.reason, memory.generate, memory.swap_bytes) == (None, 4, 0)


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("sigsegv", "failed", "killed by SIGSEGV: the last words"),
        ("sigkill", "failed", "killed by SIGKILL: the last words"),
        ("cannot-load", "failed", "exit code 1: llama_bench: error: failed to load model"),
        ("fails-at-the-end", "failed", "exit code 1"),
        ("silent", "rejected", "llama-bench ran 0 tests instead of 1"),
        ("garbage", "failed", "llama-bench output line 1: not valid JSON"),
        ("nan", "failed", "llama-bench output line 1: not valid JSON"),
        ("a-list", "failed", "llama-bench output line 1: [1, 2] is no table"),
        ("says-it-was-watched", "failed", "llama-bench output line 1"),
        ("huge", "failed", "of more than"),
        ("lacks-a-key", "failed", "n_depth"),
        ("text-for-a-number", "failed", "n_prompt"),
        ("long-text", "failed", "build_commit is 300 characters long"),
        ("no-time", "failed", "samples_ns"),
        ("twice", "rejected", "llama-bench ran 2 tests instead of 1"),
        ("no-samples", "rejected", "samples 0 instead of 1"),
        ("wrong-shape", "rejected", "generated tokens 5 instead of 0"),
        ("wrong-depth", "rejected", "tokens of depth 3 instead of 0"),
        ("wrong-threads", "rejected", "threads 64 instead of 2"),
        ("wrong-cache", "rejected", "type of keys q8_0 instead of f16"),
        ("on-a-gpu", "rejected", "layers on a GPU 33 instead of 0"),
        ("another-model", "rejected", "parameters 7000000000 instead of 12345"),
    ],
)
def test_a_repetition_that_goes_wrong_is_a_row_and_the_rest_goes_on(
    alone: Peers, fault: str, status: str, reason: str
) -> None:
    alone.faults = {"2": fault}  # the prefill of the second repetition
    (record,) = alone.run(repeats=3)
    first, second, third = record.cells[0].repetitions
    assert (first.status, third.status) == ("ok", "ok")
    assert second.status == status
    assert reason in str(second.reason)
    assert (second.prefill_tok_per_s, second.decode_tok_per_s) == (None, None)
    assert record.status == "ok"


def test_a_row_has_what_the_device_said_of_it_too(alone: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    quota = {"cores": 0.5, "periods": 7, "throttled_periods": 1}
    state = alone.bench.device.state
    monkeypatch.setattr(alone.bench.device, "state", lambda **asked: {**state(**asked), "cpu_quota": quota})
    monkeypatch.setattr(alone.bench.device, "forensics", lambda: ["Out of memory: Killed process 4711"])
    alone.faults = {"2": "sigsegv"}
    (record,) = alone.run(repeats=2)
    good, lost = record.cells[0].repetitions
    assert (good.device_log, lost.device_log) == (None, ("Out of memory: Killed process 4711",))
    assert good.cpu_quota == lost.cpu_quota == CpuQuota(0.5, 0, 0)


def test_a_decode_that_fails_takes_its_prefill_with_it(alone: Peers) -> None:
    alone.faults = {"3": "sigsegv"}
    (record,) = alone.run()
    row = record.cells[0].repetitions[1]
    assert (row.status, row.prefill_tok_per_s) == ("failed", None)
    assert [one.test for one in row.processes] == ["prefill"]


def test_past_its_time_a_process_and_its_child_are_gone(alone: Peers) -> None:
    alone.faults = {"0": "deaf"}
    (record,) = alone.run(timeout_s=3.0)
    assert (record.cells[0].repetitions[0].status, record.cells[0].repetitions[0].reason) == (
        "failed",
        "no end within 3 s",
    )
    assert is_gone(alone)


def test_ctrl_c_keeps_what_was_measured(alone: Peers) -> None:
    alone.faults = {"3": "hang"}
    alone.bench.plan = replace(alone.bench.plan, repeats=3)
    original = alone.log.with_name("calls.hanging")  # what the bench waits for
    original.symlink_to(alone.log.with_name("llama-calls.hanging"))
    with alone.bench.ctrl_c_while_it_hangs(), pytest.raises(Interrupted) as caught:
        alone.run()
    record = caught.value.record
    assert [row.status for row in record.cells[0].repetitions] == ["ok", "interrupted"]
    assert record.status == "interrupted"
    assert is_gone(alone)


def is_gone(peers: Peers) -> bool:
    pid = int(Path(f"{peers.log}.hanging").read_text())
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("fault", ["sigkill", "wrong-shape", "garbage"])
def test_a_memory_pass_that_fails_is_a_reason_and_the_times_stay(alone: Peers, fault: str) -> None:
    alone.faults = {"4": fault}
    (record,) = alone.run()
    memory = record.cells[0].memory
    assert memory is not None
    assert (memory.rss_peak_bytes, memory.weights_bytes) == (None, None)
    assert memory.reason
    assert record.status == "ok"


def test_what_cannot_work_is_refused_before_anything_starts(alone: Peers) -> None:
    with pytest.raises(MeasureError, match="holds 4096"):
        alone.run(cells=cells_of([4090], [20], [0]))
    alone.setup("llama.cpp")
    remote = replace(TARGET, device=DeviceSpec(transport="ssh"))
    setup = alone.setup("llama.cpp")
    assert isinstance(setup, LlamaSetup)
    with pytest.raises(DeviceError, match="runs on this machine only"):
        replace(setup, target=remote).prepare(alone.bench.device, alone.bench.device.facts(), alone.bench.plan)
    assert alone.calls() == []


def test_a_damaged_gguf_is_refused(alone: Peers) -> None:
    setup = alone.setup("llama.cpp")
    (alone.bench.folder / "gguf" / "q4_0" / "model.gguf").write_bytes(b"\4" * 4096)
    with pytest.raises(BundleError, match=r"model\.gguf: its content is damaged"):
        setup.prepare(alone.bench.device, alone.bench.device.facts(), alone.bench.plan)


class TestFind:
    def test_the_variable_comes_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("llama-bench", "other"):
            (tmp_path / name).write_text("#!/bin/sh\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("LAB_LLAMA_BENCH", raising=False)
        assert find_llama_bench(LLAMA_CPP) == tmp_path / "llama-bench"
        monkeypatch.setenv("LAB_LLAMA_BENCH", str(tmp_path / "other"))
        assert find_llama_bench(LLAMA_CPP) == tmp_path / "other"

    @pytest.mark.parametrize(("value", "said"), [(None, "is not set"), ("/nonexistent/x", "'/nonexistent/x'")])
    def test_a_missing_one_names_the_way_to_one(
        self, value: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("LAB_LLAMA_BENCH", raising=False)
        if value:
            monkeypatch.setenv("LAB_LLAMA_BENCH", value)
        with pytest.raises(MeasureError, match=said) as caught:
            find_llama_bench(LLAMA_CPP)
        assert "scripts/build-llama-bench" in str(caught.value.hint)


def watched(interval_ms: int, code: str) -> tuple[int, list[str], str]:
    argv = [sys.executable, "-I", "-S", watch.__file__, str(interval_ms), sys.executable, "-S", "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.splitlines(), done.stderr


class TestWatch:
    def test_the_peak_is_that_of_the_program(self) -> None:
        code, lines, _ = watched(0, "x = bytearray(200 << 20); print('hello')")
        said: dict[str, Any] = json.loads(lines[-1])["watched"]
        assert (code, lines[0]) == (0, "hello")
        assert 200 << 20 < said["counters"]["VmHWM"] < 300 << 20
        assert (said["counters"]["VmSwap"], said["rss_anon_peak_bytes"], said["samples"]) == (None, None, [])

    def test_the_peak_is_vmhwm(self) -> None:
        program = (
            "x = bytearray(64 << 20)\n"
            "with open('/proc/self/status') as file:\n"
            "    print([int(line.split()[1]) * 1024 for line in file if line.startswith('VmHWM')][0])"
        )
        _, lines, _ = watched(0, program)
        found = json.loads(lines[-1])["watched"]["counters"]["VmHWM"]
        assert abs(found - int(lines[0])) < 1 << 20

    def test_with_an_interval_memory_is_sampled(self) -> None:
        _, lines, _ = watched(5, "import time; x = bytearray(50 << 20); time.sleep(0.5)")
        said = json.loads(lines[-1])["watched"]
        assert len(said["samples"]) > 10
        assert max(size for _, size in said["samples"]) > 50 << 20
        assert said["rss_anon_peak_bytes"] > 50 << 20
        assert said["counters"]["VmSwap"] == 0

    @pytest.mark.parametrize(
        ("program", "code"),
        [
            ("raise SystemExit(3)", 3),
            ("import os; os.kill(os.getpid(), 9)", -9),
            ("import os; os.kill(os.getpid(), 6)", -6),
        ],
    )
    def test_it_ends_as_the_program_ended(self, program: str, code: int) -> None:
        assert watched(0, program)[0] == code

    def test_what_cannot_start_is_said(self) -> None:
        done = subprocess.run(
            [sys.executable, watch.__file__, "0", "/nonexistent/llama-bench"], capture_output=True, text=True
        )
        assert done.returncode == 1
        assert "/nonexistent/llama-bench: No such file" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif("LAB_LLAMA_BENCH" not in os.environ, reason="CI does not build llama.cpp: docs/peers.md")
def test_the_real_llama_bench_takes_the_file_and_the_words(alone: Peers, tmp_path: Path) -> None:
    from lab.core.progress import NullProgress
    from lab.formats.run_record import TimesRecord
    from lab.measure.session import measure_engines
    from lab.models.gguf_file import write_gguf
    from lab.models.sources import SyntheticSource
    from tests.models.small import LONGROPE, spec

    model = spec("q4", LONGROPE)
    folder = write_gguf(model, SyntheticSource(model.config), tmp_path / "out", NullProgress())
    bench = alone.bench
    setup = LlamaSetup(LLAMA_CPP, find_llama_bench(LLAMA_CPP), [folder], TARGET, bench.progress, TimesRecord())
    plan = replace(bench.plan, cells=cells_of([8], [5], [16]), threads=1)
    (record,) = measure_engines(bench.device, [setup], plan, bench.progress, bench.runner(), clock=bench.time.clock)
    assert [row.reason for row in record.cells[0].repetitions] == [None, None]
    assert record.status == "ok"
    memory = record.cells[0].memory
    assert memory is not None
    assert memory.rss_peak_bytes
