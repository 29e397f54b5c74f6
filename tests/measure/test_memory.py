from __future__ import annotations

import pytest

from lab.formats.test import Test
from lab.measure.plan import cells_of
from lab.measure.runner.invocation import shortened
from tests.measure.bench import Bench


def test_the_pass_names_its_counter_and_splits_the_peak(bench: Bench) -> None:
    memory = bench.run().cells[0].memory
    assert memory is not None
    assert (memory.counter, memory.rss_peak_bytes) == ("VmHWM", 90_000 + 28 * 100)
    assert (memory.weights_bytes, memory.kv_bytes, memory.workspace_bytes) == (4096, 2800, 6000)
    assert memory.rss_anon_peak_bytes == 75_000
    assert memory.samples[:2] == ((0.0, 10_000), (0.01, 20_000))
    assert (memory.generate, memory.major_faults, memory.reason) == (4, 2, None)


def test_the_pass_holds_as_many_tokens_in_less_time(bench: Bench) -> None:
    bench.run(cells=cells_of([8], [20], [5]), prefill_chunk=64)
    words = bench.calls()[-1]
    names = ("prompt", "generate", "depth", "context", "prefill-chunk", "warmup-cap", "memory-interval-ms")
    found = {name: words[words.index(f"--{name}") + 1] for name in names}
    assert found == dict(zip(names, ("8", "4", "21", "33", "8", "0", "10"), strict=True))


def test_shortened() -> None:
    assert shortened(Test(512, 128, 64), 16) == Test(512, 16, 176)
    assert shortened(Test(512, 8, 64), 16) == Test(512, 8, 64)
    assert shortened(Test(512, 128), 16).context == Test(512, 128).context


def test_a_peak_below_the_weights_that_each_token_reads_is_refused(bench: Bench) -> None:
    bench.script["counters"] = {"VmHWM": 2999}
    memory = bench.run().cells[0].memory
    assert memory is not None
    assert memory.rss_peak_bytes is None
    assert "VmHWM of 2.9 KiB is less than the 2.9 KiB of weights" in memory.reason
    assert memory.weights_bytes == 4096
    assert any("pp8+tg20 memory: VmHWM of" in note for note in bench.progress.notes)


def test_a_peak_equal_to_the_one_before_is_refused(bench: Bench) -> None:
    bench.script["counters"] = {"VmHWM": 123_456}
    first, second = (cell.memory for cell in bench.run(cells=cells_of([8, 16], [20], [0])).cells)
    assert first is not None
    assert second is not None
    assert (first.rss_peak_bytes, second.rss_peak_bytes) == (123_456, None)
    assert "equal to that of the pass before to the byte (123456)" in second.reason


def test_what_the_kernel_does_not_count_is_null(bench: Bench) -> None:
    bench.script.update(counters={"VmHWM": None, "VmSwap": None}, workspace=None)
    record = bench.run()
    memory = record.cells[0].memory
    assert memory is not None
    assert (memory.rss_peak_bytes, memory.workspace_bytes) == (None, None)
    assert memory.reason == "VmHWM: the kernel does not count it; workspace: the runner can't tell it apart"
    row = record.cells[0].repetitions[0]
    assert (row.status, row.rss_peak_bytes, row.rss_peak_counter, row.swap_bytes) == ("ok", None, None, None)


@pytest.mark.parametrize(
    ("fault", "reason"), [("sigkill", "killed by SIGKILL: the last words"), ("error", "library: model.so")]
)
def test_a_pass_that_fails_is_a_reason_and_the_times_stay(bench: Bench, fault: str, reason: str) -> None:
    bench.faults = {"2": fault}
    record = bench.run()
    memory = record.cells[0].memory
    assert memory is not None
    assert memory.rss_peak_bytes is None
    assert memory.samples == ()
    assert reason in memory.reason
    assert record.status == record.cells[0].status == "ok"


FOOTPRINT = {"VmHWM": None, "VmRSS": None, "RssAnon": None, "RssFile": None, "VmSwap": None}


def test_a_mac_counts_by_another_name_and_leaves_mapped_weights_out(bench: Bench) -> None:
    bench.script["counters"] = {**FOOTPRINT, "phys_footprint": 900, "phys_footprint_peak": 1000}
    cell = bench.run().cells[0]
    memory, row = cell.memory, cell.repetitions[0]
    assert memory is not None
    assert (memory.counter, memory.rss_peak_bytes, memory.reason) == ("phys_footprint", 1000, None)
    assert (row.rss_peak_bytes, row.rss_peak_counter) == (1000, "phys_footprint")


def test_a_mac_too_old_to_tell_the_peak_gives_none(bench: Bench) -> None:
    bench.script["counters"] = {**FOOTPRINT, "phys_footprint": 900, "phys_footprint_peak": None}
    cell = bench.run().cells[0]
    assert cell.memory is not None
    assert (cell.memory.counter, cell.memory.rss_peak_bytes) == ("phys_footprint", None)
    assert cell.memory.reason == "phys_footprint: the kernel does not count it"
    assert cell.repetitions[0].rss_peak_counter is None
