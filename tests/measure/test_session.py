from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import store
from lab.core.errors import BundleError, BusyError, DeviceError, DeviceUnreachableError, MeasureError, StoreError
from lab.core.fields import encode
from lab.core.lock import device_lock
from lab.formats.bundle import file_entry
from lab.formats.run_record import PeakSamples, RunRecord
from lab.measure import journal
from lab.measure.plan import cells_of
from lab.measure.roofs import GLANCE_PASSES
from tests.measure.bench import Bench
from tests.measure.samples import QUIET, ScriptedDevice


def stored() -> RunRecord:
    return store.load(store.find("latest"))


def option(words: list[str], name: str) -> str:
    return words[words.index(f"--{name}") + 1]


def test_numbers_of_a_repetition(bench: Bench) -> None:
    record = bench.run()
    assert (record.status, record.reason) == ("ok", None)
    row = record.cells[0].repetitions[0]
    assert row.prefill_tok_per_s == pytest.approx(200.0)  # 5 ms a token
    assert row.decode_tok_per_s == pytest.approx(50.0)  # 20 ms a token
    assert row.ttft_s == pytest.approx(0.04)
    assert row.ttst_s == pytest.approx(0.02)
    assert row.itl_s == pytest.approx((0.02,) * 19)
    assert row.load_s == pytest.approx(0.7)
    assert row.submit_ns == 7_000_000_000
    assert row.token_ns is not None
    assert (len(row.token_ns), row.token_ns[0]) == (20, 7_040_000_000)
    assert (row.rss_peak_bytes, row.rss_peak_counter) == (90_000 + 28 * 100, "VmHWM")
    assert (row.swap_bytes, row.major_faults) == (0, 2)
    assert row.warmup is not None
    assert (row.warmup.count, row.warmup.stable, len(row.warmup.decode_s)) == (3, True, 12)
    assert row.throttled is False
    assert row.state_before is not None
    assert row.state_before["die_temp_c"] == 50.0
    assert row.state_during is not None
    assert row.state_during["cpu_mhz"][0] == 2000.0


def test_what_is_stored_is_what_is_returned(bench: Bench) -> None:
    record = bench.run()
    assert stored() == record


def test_the_record_says_what_ran(bench: Bench) -> None:
    record = bench.run()
    assert record.engine.requested == "llvm avx2"
    assert record.engine.effective == "cpu x86_64 avx2"
    assert record.engine.ran_on.engine == "tvm 0.27.0"
    assert record.engine.runner["version"] == "fake 0"
    assert record.plan.settings_fingerprint == bench.plan.settings_fingerprint
    assert record.plan.memory_generate == 4
    assert record.verify is not None
    assert (record.verify.rel_error, record.verify.passed) == (0.001, True)
    assert bench.device.serial not in repr(record)
    assert record.bandwidth is not None
    assert record.bandwidth.before == record.bandwidth.after == (30e9, 31e9)
    assert record.time_s.compile == 1.0
    assert record.time_s.total == 1.0 + (record.time_s.measure or 0)


def test_cells_take_turns_and_only_the_first_process_verifies(bench: Bench) -> None:
    record = bench.run(cells=cells_of([8, 16], [20], [0]), repeats=3)
    *timed, one, two = bench.calls()
    assert [option(words, "prompt") for words in timed] == ["8", "16"] * 3
    assert ["--verify" in words for words in timed] == [True] + [False] * 5
    assert [[row.order for row in cell.repetitions] for cell in record.cells] == [[0, 2, 4], [1, 3, 5]]
    assert [[row.index for row in cell.repetitions] for cell in record.cells] == [[0, 1, 2]] * 2
    assert [option(words, "memory-interval-ms") for words in (one, two)] == ["10", "10"]
    passes = [option(words, "passes") for words in bench.calls("bandwidth")]
    assert passes == ["2", *[str(GLANCE_PASSES)] * 12, "2"]  # before; before and after each repetition; after


def test_what_the_runner_is_told(bench: Bench) -> None:
    bench.run(cells=cells_of([8], [20], [64]), seed=3, warmup_cap=5, warmup_spread=0.1)
    words = bench.calls()[0]
    expected = {
        "bundle": str(bench.folder / "bundle"),
        "runtime": str(bench.folder / "libtvm_runtime.so"),
        "prompt": "8",
        "generate": "20",
        "depth": "64",
        "context": "92",
        "threads": "2",
        "prefill-chunk": "64",
        "seed": "3",
        "warmup-cap": "5",
        "warmup-spread": "0.1",
    }
    assert {name: option(words, name) for name in expected} == expected
    assert [option(bench.calls("bandwidth")[0], name) for name in ("threads", "bytes", "passes")] == [
        "2",
        str(64 << 20),
        "2",
    ]


def test_while_a_repetition_runs_people_are_told_what_it_is_at(bench: Bench) -> None:
    bench.run(repeats=2)
    told = [text for text in bench.progress.nows if text]
    assert told[0] == "pp8+tg20: loading the model"
    assert any(text.startswith("pp8+tg20: warm-up, round 2, decode ") and text.endswith(" tok/s") for text in told)
    timing = [text for text in told if "timing" in text]
    assert re.match(r"pp8\+tg20: timing 8 \+ 20 tokens, decode [\d.]+ tok/s in warm-up$", timing[0])
    assert all(text.startswith("pp8+tg20: timing 8 + 20 tokens, about 0 s as the last time, ") for text in timing[1:])
    assert len(timing) > 1


def test_progress(bench: Bench) -> None:
    bench.run()
    assert ("measure", 2, "repetitions") in bench.progress.phases
    assert bench.progress.advanced["measure"] == 2
    assert bench.progress.notes == [
        "pp8+tg20 1/2: prefill 200.0 tok/s, decode 50.0 tok/s",
        "pp8+tg20 2/2: prefill 200.0 tok/s, decode 50.0 tok/s",
    ]


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("sigsegv", "failed", "killed by SIGSEGV: the last words"),
        ("sigkill", "failed", "killed by SIGKILL: the last words"),
        ("error", "failed", "library: model.so: undefined symbol: exp"),
        ("usage", "failed", "exit code 2: lab-bench: unknown option '--prompt'"),
        ("garbage", "failed", "runner output line 3: not valid JSON"),
        ("huge", "failed", "a line of more than"),
        ("cut", "failed", "the runner ended without saying how"),
        ("interrupted", "failed", "the runner was told to stop by somebody else"),
        ("wrong-count", "rejected", "the runner counted 19 generated tokens instead of 20"),
        ("backwards", "rejected", "the clock went back"),
        ("one-chunk", "rejected", "all tokens bear one time stamp"),
    ],
)
def test_a_repetition_that_goes_wrong_is_a_row_and_the_rest_goes_on(
    bench: Bench, fault: str, status: str, reason: str
) -> None:
    bench.faults = {"1": fault}
    record = bench.run(repeats=3)
    first, second, third = record.cells[0].repetitions
    assert (first.status, third.status) == ("ok", "ok")
    assert second.status == status
    assert reason in str(second.reason)
    assert (second.decode_tok_per_s, second.prefill_tok_per_s, second.itl_s) == (None, None, None)
    assert record.status == record.cells[0].status == "ok"
    assert str(record.cells[0].reason).startswith("1 of 3 repetitions gave no result: ")
    assert stored() == record


def test_raw_stamps_of_a_rejected_repetition_are_kept(bench: Bench) -> None:
    bench.faults = {"1": "wrong-count"}
    row = bench.run().cells[0].repetitions[1]
    assert row.token_ns is not None
    assert len(row.token_ns) == 19


def test_past_its_time_a_repetition_fails(bench: Bench) -> None:
    bench.faults = {"1": "deaf"}
    record = bench.run(timeout_s=5.0)
    row = record.cells[0].repetitions[1]
    assert (row.status, row.reason) == ("failed", "no end within 5 s")
    assert bench.hanging_process_is_gone()


def test_when_all_fail_the_run_failed(bench: Bench) -> None:
    bench.faults = {"*": "sigsegv"}
    record = bench.run()
    assert record.status == record.cells[0].status == "failed"
    assert record.reason == "no repetition gave a result: killed by SIGSEGV: the last words"
    assert record.cells[0].memory is None
    assert len(bench.calls()) == 2  # no memory pass of what does not run


def test_one_cell_that_fails_does_not_fail_the_others(bench: Bench) -> None:
    bench.faults = {"1": "error", "3": "error"}
    record = bench.run(cells=cells_of([8, 16], [20], [0]))
    assert [cell.status for cell in record.cells] == ["ok", "failed"]
    assert record.status == "ok"
    assert record.reason == "1 of 2 tests gave no result: library: model.so: undefined symbol: exp"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("broken", "the logits differ from the reference: relative error 0.7, allowed 0.05"),
        ("lying", "the logits differ from the reference: relative error 0.7, allowed 0.05"),
        ("broken-and-crashed", "the model computes no numbers at all for the reference prompt"),
    ],
)
def test_a_broken_bundle_is_never_a_fast_one(bench: Bench, fault: str, reason: str) -> None:
    bench.faults = {"0": fault}
    record = bench.run(cells=cells_of([8, 16], [20], [0]))
    assert (record.status, record.reason) == ("wrong_output", reason)
    assert [cell.status for cell in record.cells] == ["wrong_output", "wrong_output"]
    rows = [row for cell in record.cells for row in cell.repetitions]
    assert [(row.status, row.decode_tok_per_s, row.token_ns) for row in rows] == [("wrong_output", None, None)]
    assert record.verify is not None
    assert len(bench.calls()) == 1
    assert stored() == record


def test_a_process_that_dies_before_it_verifies_leaves_it_to_the_next(bench: Bench) -> None:
    bench.faults = {"0": "sigsegv"}
    record = bench.run(repeats=3)
    assert ["--verify" in words for words in bench.calls()[:3]] == [True, True, False]
    assert record.verify is not None
    assert [row.status for row in record.cells[0].repetitions] == ["failed", "ok", "ok"]


def test_a_runner_that_does_not_verify_gives_no_number(bench: Bench) -> None:
    bench.faults = {"*": "no-verify"}
    record = bench.run()
    assert record.status == "failed"
    assert "did not verify" in str(record.reason)


def test_a_gate_that_is_not_kept_is_marked_and_said(bench: Bench) -> None:
    busy = {**QUIET, "busy_fraction": 0.9}
    bench.device = ScriptedDevice(lambda count: busy if count > 1 else QUIET)
    first, second = bench.run(gate_timeout_s=2.0).cells[0].repetitions
    assert first.gate is not None
    assert second.gate is not None
    assert (first.gate.kept, second.gate.kept) == (True, False)
    assert second.gate.reason == "the CPU was 90 % busy with other work (limit 30 %)"
    assert second.gate.waited_s == 2.0
    assert bench.progress.notes[1].endswith("(the CPU was 90 % busy with other work (limit 30 %))")


def test_throttling_is_marked(bench: Bench) -> None:
    bench.faults = {"1": "throttling"}
    first, second = bench.run(cells=cells_of([200], [30], [0])).cells[0].repetitions
    assert (first.throttled, second.throttled) == (False, True)
    assert second.throttled_reason == "slowed within the run by 50 %, clock unchanged"
    assert (second.throttled_by, second.slowing) == (("rate",), "slowed")


def test_a_bandwidth_that_cannot_be_read_is_a_reason(bench: Bench) -> None:
    bench.script = {"bandwidth": None}
    record = bench.run()
    assert record.status == "ok"
    assert record.bandwidth is not None
    assert (record.bandwidth.before, record.bandwidth.after) == ((), ())
    assert "killed by SIGBUS" in record.bandwidth.reason_before
    bench.script = {"bandwidth": "a buffer does not fit"}
    again = bench.run().bandwidth
    assert again is not None
    assert again.reason_after == "bandwidth: a buffer does not fit"


def test_memory_is_read_by_the_loop_that_was_fastest_before(bench: Bench) -> None:
    """A glance tries none: it would take longer, and be of another loop than the passes beside it."""
    record = bench.run()
    first, *glances, last = bench.calls("bandwidth")
    assert "--loop" not in (*first, *last)  # each tries all of them
    assert [option(words, "loop") for words in glances] == ["avx2 4x32 prefetch"] * 2 * bench.plan.repeats
    assert record.bandwidth is not None
    assert record.bandwidth.loop == "avx2 4x32 prefetch"


def test_a_peak_of_a_runner_that_measures_no_nibbles_is_kept(bench: Bench) -> None:
    bench.script["peak"] = {"int8_ops_per_s": [4e11], "f32_ops_per_s": [1e11]}
    record = bench.run()
    assert record.peak is not None
    assert record.peak.before == PeakSamples((4e11,), (1e11,), ())


def test_the_peak_is_measured_before_and_after(bench: Bench) -> None:
    record = bench.run()
    assert [words[1:] for words in bench.calls("peak")] == [["--threads", "2", "--passes", "8"]] * 2
    assert record.peak is not None
    assert record.peak.threads == 2
    assert record.peak.before == record.peak.after == PeakSamples((4e11, 4.1e11), (1e11, 1.1e11), (5e11, 5.1e11))
    loops = (record.peak.int8_loop, record.peak.f32_loop, record.peak.int4_loop)
    assert loops == ("avx2 8x32", "avx2-fma 12x32", "avx2 4x32 int16")
    assert (record.peak.reason_before, record.peak.reason_after) == (None, None)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (None, "killed by SIGILL"),
        ("too few products", "peak: too few products"),
        ({"int8_ops_per_s": [1e12], "f32_ops_per_s": []}, "the runner gave no rate"),
        ({"int8_ops_per_s": [0], "f32_ops_per_s": [1e11]}, "more than 0 operations/s is needed"),
    ],
)
def test_a_peak_that_cannot_be_measured_is_a_reason(bench: Bench, said: Any, reason: str) -> None:
    bench.script["peak"] = said
    record = bench.run()
    assert record.status == "ok"
    assert record.peak is not None
    assert (record.peak.before, record.peak.after) == (PeakSamples(), PeakSamples())
    assert reason in (record.peak.reason_before or "")
    assert record.peak.reason_after is not None
    assert any("arithmetic peak before: not measured" in note for note in bench.progress.notes)


def test_weights_of_an_older_bundle_are_counted(bench: Bench) -> None:
    model = bench.run().model  # the sample's manifest is of before they were counted
    assert (model.layer_weights, model.head_weights) == (3_623_878_656, 98_500_608)


def test_a_network_without_a_preset_stays_uncounted(bench: Bench) -> None:
    bench.blocks = {"model": {"parameters": 12345}}
    model = bench.run().model
    assert (model.layer_weights, model.head_weights) == (None, None)


def test_the_record_is_stored_after_every_repetition(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []

    def look(text: str) -> None:
        record = stored()
        seen.append((record.status, len(record.cells[0].repetitions)))

    bench.progress._on_note = look
    bench.run(repeats=3)
    assert seen == [("running", 1), ("running", 2), ("running", 3)]
    assert len(list(store.run_path(stored()).parent.iterdir())) == 1


def test_two_sessions_do_not_share_a_device(bench: Bench) -> None:
    with device_lock(bench.device.serial, "another session"), pytest.raises(BusyError, match="another session"):
        bench.run()
    assert bench.calls() == []
    assert bench.run().status == "ok"


@pytest.mark.parametrize(
    ("facts", "blocks", "error", "message"),
    [
        ({}, {"target": {"required_features": ["amx_tile"]}}, DeviceError, "has no amx_tile"),
        ({"cores": 1}, {}, MeasureError, "2 threads on 1 core "),
        ({}, {"model": {"context_max": 16}}, MeasureError, "holds 16"),
        ({"mem_available_bytes": 4096}, {}, MeasureError, "not enough memory: needs 4.0 KiB weights"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(
    bench: Bench, facts: dict[str, Any], blocks: dict[str, Any], error: type[Exception], message: str
) -> None:
    bench.device, bench.blocks = ScriptedDevice(facts=facts), blocks
    with pytest.raises(error, match=message):
        bench.run()
    assert bench.calls() == bench.calls("bandwidth") == []
    assert list(store.iter_runs()) == []


def test_a_damaged_bundle_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.measure.samples.file_entry", lambda path: replace(file_entry(path), sha256="0" * 64))
    with pytest.raises(BundleError, match=r"weights\.bin: its content is damaged"):
        bench.run()
    assert bench.calls() == []


class VanishingDevice(ScriptedDevice):
    """Goes away with the second timed run."""

    def run(self, argv: Any, **options: Any) -> Any:
        if "run" in argv and len(self.ran) == 1:
            raise DeviceUnreachableError("bench: the device went away")
        self.ran += [argv] if "run" in argv else []
        return super().run(argv, **options)

    ran: list[Any]


def test_each_repetition_says_which_tokens_it_made(bench: Bench) -> None:
    rows = bench.run(repeats=2).cells[0].repetitions
    assert {row.tokens_sha256 for row in rows} == {hashlib.sha256(b",".join(b"%d" % i for i in range(20))).hexdigest()}


def test_a_device_that_vanishes_leaves_a_row_with_its_reason(bench: Bench) -> None:
    bench.device = VanishingDevice()
    bench.device.ran = []
    with pytest.raises(DeviceUnreachableError):
        bench.run(repeats=3)
    record = stored()
    assert (record.status, record.reason) == ("failed", "bench: the device went away")
    assert [(row.status, row.reason) for row in record.cells[0].repetitions] == [
        ("ok", None),
        ("failed", "bench: the device went away"),
    ]


def test_a_disk_that_fills_up_keeps_the_repetitions_stored_so_far(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def save(record: RunRecord) -> Path:
        calls.append(1)
        if len(calls) > 4:  # the start, the two roofs, one repetition
            raise StoreError("profiles: no space left on device")
        return store.save(record)

    defaults = journal.Journal.__init__.__defaults__
    assert defaults == (store.save,)
    monkeypatch.setattr(journal.Journal.__init__, "__defaults__", (save,))
    with pytest.raises(StoreError, match="no space left"):
        bench.run()
    record = stored()
    assert (record.status, [row.status for row in record.cells[0].repetitions]) == ("running", ["ok"])


def test_each_repetition_knows_the_bandwidth_right_before_and_after_it(bench: Bench) -> None:
    rows = bench.run(repeats=2).cells[0].repetitions
    assert [row.bandwidth_bytes_per_s for row in rows] == [(30e9, 31e9, 30e9, 31e9)] * 2
    bench.script = {"bandwidth": "no memory"}
    assert [row.bandwidth_bytes_per_s for row in bench.run(repeats=1).cells[0].repetitions] == [None]


def test_the_weights_are_staged_once_and_what_came_of_it_is_on_record(bench: Bench) -> None:
    record = bench.run(repeats=3)
    assert [words[1:2] for words in bench.calls("stage")] == [["--bundle"]]
    assert encode(record.engine.staged) == {"bytes": 8000, "huge_bytes": 6000, "reason": None}


def test_weights_that_cannot_be_staged_are_measured_all_the_same(bench: Bench) -> None:
    bench.script["staged"] = "no such file"
    record = bench.run()
    assert record.status == "ok"
    said = {"bytes": None, "huge_bytes": None, "reason": "stage: no such file"}
    assert encode(record.engine.staged) == said


def test_what_the_runner_sees_of_the_processor_counts(bench: Bench) -> None:
    """The device's files say nothing of it; the runner is asked before anything is measured."""
    bench.blocks = {"target": {"required_features": ["asimddp", "fma"]}}
    bench.device = ScriptedDevice(facts={"cpu_flags": None})
    bench.script["features"] = ["asimd", "fma"]
    with pytest.raises(DeviceError, match="has no asimddp, which the library was compiled for"):
        bench.run()
    assert bench.calls("run") == bench.calls("bandwidth") == []
    assert len(bench.calls("info")) == 1


def test_a_runner_that_cannot_say_what_the_processor_has_is_called_all_the_same(bench: Bench) -> None:
    bench.script["features"] = "libtvm_runtime.so: not found"
    assert bench.run().status == "ok"
