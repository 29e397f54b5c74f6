"""A probe with the runner that computes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import BusyError, DeviceUnreachableError, MeasureError
from lab.core.lock import device_lock
from lab.formats.probe_record import ProbeRecord
from lab.measure.probe import probe
from tests.measure.bench import Bench
from tests.measure.samples import QUIET, TARGET, ScriptedDevice
from tests.measure.test_session import option


def probed(bench: Bench) -> ProbeRecord:
    return probe(bench.device, TARGET, bench.runner(), bench.progress, bench.time.clock)


def test_every_number_of_threads_up_and_down_again(bench: Bench) -> None:
    record = probed(bench)
    for verb in ("bandwidth", "peak"):
        assert [option(words, "threads") for words in bench.calls(verb)] == ["1", "2", "2", "1"]
    assert [count.threads for count in record.counts] == [1, 2]
    for count in record.counts:
        assert count.read_bytes_per_s == (30e9, 31e9) * 2
        assert count.int8_ops_per_s == (4e11, 4.1e11) * 2
        assert count.int4_ops_per_s == (5e11, 5.1e11) * 2
        assert count.f32_ops_per_s == (1e11, 1.1e11) * 2
        assert (count.read_reason, count.peak_reason) == (None, None)


def test_it_says_on_what_and_how(bench: Bench) -> None:
    record = probed(bench)
    assert record.target.name == TARGET.name
    assert record.device.facts["cpu_model"] == "Example 9000"
    assert bench.device.serial not in repr(record)
    loops = record.loops
    assert (loops.read, loops.int8) == ("avx2 4x32 prefetch", "avx2 8x32")
    assert (loops.int4, loops.f32) == ("avx2 4x32 int16", "avx2-fma 12x32")
    assert (record.gate.kept, record.state["die_temp_c"]) == (True, 50.0)
    assert record.runner["compiler"] == "none"


def test_nothing_is_stored_by_measuring(bench: Bench) -> None:
    probed(bench)
    assert list(Path(bench.folder).rglob("*.json")) == [bench.folder / "script.json"]


def test_a_part_that_fails_is_a_reason_told_once(bench: Bench) -> None:
    bench.script["peak"] = "too few products"
    record = probed(bench)
    assert record.loops.int8 is None
    for count in record.counts:
        assert (count.int8_ops_per_s, count.peak_reason) == ((), "peak: too few products")
        assert count.read_bytes_per_s


def test_no_number_at_all_is_an_error(bench: Bench) -> None:
    bench.script = {"bandwidth": "no memory", "peak": "too few products"}
    with pytest.raises(MeasureError, match="bandwidth: no memory; peak: too few products"):
        probed(bench)


def test_a_busy_device_is_marked(bench: Bench) -> None:
    bench.device = ScriptedDevice(lambda count: {**QUIET, "busy_fraction": 0.9})
    gate = probed(bench).gate
    assert (gate.kept, gate.waited_s) == (False, 15.0)
    assert "90 % busy" in (gate.reason or "")


def test_one_at_a_time(bench: Bench) -> None:
    with device_lock(bench.device.serial, "something else"), pytest.raises(BusyError, match="something else"):
        probed(bench)
    assert bench.calls("peak") == []


class Gone(ScriptedDevice):
    """It vanishes while the peak is measured."""

    def run(self, argv: Any, **options: Any) -> Any:
        if "peak" in argv:
            raise DeviceUnreachableError("no answer")
        return super().run(argv, **options)


def test_a_device_that_goes_away_ends_it(bench: Bench) -> None:
    bench.device = Gone()
    with pytest.raises(DeviceUnreachableError):
        probed(bench)
