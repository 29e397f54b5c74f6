"""`lab-bench bandwidth` and `info`: shape of what they say (how fast a machine is, no test can know)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from lab.ondevice.events import Bandwidth, Info, decode_line
from tests.ondevice.conftest import Bench


@pytest.mark.slow
def test_bandwidth_reports_every_pass(bench: Bench) -> None:
    done = bench.call("bandwidth", "--threads", "2", "--bytes", str(64 << 20), "--passes", "5")
    event = decode_line(done.stdout.strip(), 1)
    assert isinstance(event, Bandwidth)
    assert (event.threads, event.bytes, len(event.bytes_per_s)) == (2, 64 << 20, 5)
    assert event.loop in names_of_loops(bench)


def names_of_loops(bench: Bench) -> list[str]:
    """What an unknown loop is answered with."""
    done = bench.call("bandwidth", "--loop", "x87")
    assert done.code == 2
    said = re.search(r"--loop 'x87' is none that this processor runs: (.*)", done.stderr)
    assert said is not None
    return said[1].split(", ")


def test_every_loop_reads_every_byte(bench: Bench) -> None:
    """The runner itself refuses a loop whose sum is not that of all bytes."""
    names = names_of_loops(bench)
    flags = set(Path("/proc/cpuinfo").read_text().split())
    isas = [isa for isa in ("avx512f", "avx2", "sse2") if isa in flags]
    assert list(dict.fromkeys(name.split()[0] for name in names)) == isas  # widest first
    assert len(set(names)) == len(names) == 6 * len(isas)
    for name in names:
        done = bench.call("bandwidth", "--loop", name, "--threads", "2", "--bytes", str(4 << 20), "--passes", "2")
        event = decode_line(done.stdout.strip(), 1)
        assert isinstance(event, Bandwidth)
        assert (event.loop, len(event.bytes_per_s)) == (name, 2)


def test_a_buffer_too_small_for_its_threads_is_refused(bench: Bench) -> None:
    done = bench.call("bandwidth", "--threads", "4096", "--bytes", str(1 << 20), "--passes", "1")
    assert done.code == 1
    assert "too small for 4096 threads" in done.stdout


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
