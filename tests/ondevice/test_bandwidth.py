"""`lab-bench bandwidth` and `info`: shape of what they say (how fast a machine is, no test can know)."""

from __future__ import annotations

import os
from pathlib import Path

from lab.ondevice.events import Bandwidth, Info, decode_line
from tests.ondevice.conftest import Bench


def test_bandwidth_reports_every_pass(bench: Bench) -> None:
    done = bench.call("bandwidth", "--threads", "2", "--bytes", str(64 << 20), "--passes", "5")
    event = decode_line(done.stdout.strip(), 1)
    assert isinstance(event, Bandwidth)
    assert (event.threads, event.bytes, len(event.bytes_per_s)) == (2, 64 << 20, 5)
    flags = Path("/proc/cpuinfo").read_text()
    assert event.loop == next((name for name in ("avx512f", "avx2") if f" {name} " in flags), "baseline")


def test_bandwidth_rounds_the_buffer_down_to_whole_blocks(bench: Bench) -> None:
    done = bench.call("bandwidth", "--threads", "3", "--bytes", str((1 << 20) + 700), "--passes", "1")
    event = decode_line(done.stdout.strip(), 1)
    assert isinstance(event, Bandwidth)
    assert event.bytes == ((1 << 20) + 700) // 4 // 512 * 512 * 4  # four pieces of 256 KiB


def test_bandwidth_refuses_more_memory_than_there_is(bench: Bench) -> None:
    done = bench.call("bandwidth", "--bytes", str(1 << 40))
    assert done.code == 1
    assert "does not fit" in done.stdout


def test_info_names_runner_and_machine(bench: Bench) -> None:
    event = decode_line(bench.call("info", "--runtime", bench.runtime).stdout.strip(), 1)
    assert isinstance(event, Info)
    assert event.cores == len(os.sched_getaffinity(0))
    assert event.page_size == os.sysconf("SC_PAGESIZE")
    assert event.runner.startswith("lab-bench ")
    assert event.mem_available_bytes is not None
