from __future__ import annotations

import random
from pathlib import Path

import pytest

from lab.devices.readings import linux, procfs
from lab.devices.readings.files import LocalFiles
from tests.devices import fake_root


def files(tmp_path: Path, changes: dict[str, str | bytes] | None = None) -> LocalFiles:
    return LocalFiles(fake_root.write(tmp_path, changes))


def test_facts_are_what_the_files_say(tmp_path: Path) -> None:
    facts = linux.facts(files(tmp_path))
    assert facts["cpu_model"] == "Example 9000"
    assert facts["cpu_flags"] == ["avx2", "avx512_vnni", "fpu"]  # only what every core has
    assert facts["cores"] == 2
    assert facts["os"] == "Example OS 3"
    assert facts["kernel"] == "6.1.0-example"
    assert facts["governor"] == "performance+schedutil"
    assert facts["huge_pages"] == "madvise"
    assert facts["mem_total_bytes"] == 8000 * 1024
    assert facts["mem_available_bytes"] == 5000 * 1024
    assert facts["swap_used_bytes"] == 750 * 1024
    assert facts["mem_limit_bytes"] is None


def test_state_is_what_the_files_say(tmp_path: Path) -> None:
    state = linux.state(files(tmp_path))
    assert state["load1"] == 1.25
    assert state["uptime_s"] == 1000.5
    assert state["cpu_mhz"] == [2400.0, 1800.0]
    assert state["battery"] == 0.8
    assert state["charge"] == "discharging"
    assert state["cpu_time_s"] == {"busy": 1.5, "idle": 8.5, "steal": 0.0}


def test_die_temperature_ignores_batteries_and_zones_without_a_reading(tmp_path: Path) -> None:
    state = linux.state(files(tmp_path))
    assert (state["die_temp_c"], state["die_zone"]) == (61.25, "k10temp")
    soc = next(zone for zone in state["temps"] if zone["type"] == "soc-0")
    assert soc["temp_c"] is None  # a zone that says 0 has not measured


def test_clocks_come_from_cpuinfo_where_there_is_no_cpufreq(tmp_path: Path) -> None:
    none = {f"/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq": "" for core in (0, 1)}
    assert linux.clocks(files(tmp_path, dict(none))) == [3100.5, 2900.0]


def test_an_empty_machine_measures_nothing(tmp_path: Path) -> None:
    empty = LocalFiles(tmp_path)
    facts, state = linux.facts(empty), linux.state(empty)
    assert facts.pop("thermal_zones") == state.pop("temps") == []
    assert set(facts.values()) == set(state.values()) == {None}


def test_busy_fraction_leaves_out_our_own_work() -> None:
    before = {"cpu_time_s": {"busy": 10.0, "idle": 90.0, "steal": 0.0}}
    after = {"cpu_time_s": {"busy": 13.0, "idle": 96.0, "steal": 1.0}}
    assert linux.load_between(before, after) == {"busy_fraction": 0.3, "steal_fraction": 0.1}
    assert linux.load_between(before, after, own_s=2.0)["busy_fraction"] == 0.1
    assert linux.load_between(before, after, own_s=9.0)["busy_fraction"] == 0.0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"cpu_time_s": None}, {"cpu_time_s": None}),
        ({"cpu_time_s": {"busy": 5.0, "idle": 5.0, "steal": 0.0}},) * 2,
        (
            {"cpu_time_s": {"busy": 5.0, "idle": 5.0, "steal": 0.0}},
            {"cpu_time_s": {"busy": 4.0, "idle": 9.0, "steal": 0.0}},
        ),
    ],
)
def test_busy_fraction_is_null_where_the_counters_make_no_sense(
    before: dict[str, object], after: dict[str, object]
) -> None:
    assert linux.load_between(before, after) == {"busy_fraction": None, "steal_fraction": None}


def test_guest_time_is_not_counted_twice() -> None:
    time = procfs.cpu_time("cpu  300 0 100 500 100 10 20 70 250 0\ncpu0 1")
    assert time == procfs.CpuTime(busy_s=4.3, idle_s=6.0, steal_s=0.7)


def test_arm_cpuinfo() -> None:
    text = "".join(
        f"processor\t: {core}\nFeatures\t: fp asimd asimddp\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\n"
        for core, part in enumerate(("0xd05", "0xd05", "0xd0b"))
    )
    info = procfs.cpuinfo(text)
    assert info.model == "arm 0x41/0xd05 0x41/0xd0b"
    assert info.flags == ("asimd", "asimddp", "fp")
    assert (info.cores, info.mhz) == (3, None)


@pytest.mark.parametrize(
    ("limit", "current", "stat", "expected"),
    [
        ("max\n", "1000\n", "", (None, 5000 * 1024)),
        ("3072000\n", "2048000\n", "active_file 512000\ninactive_file 512000\n", (3072000, 2048000)),
        ("3072000\n", "9999999\n", "", (3072000, 0)),
        ("9223372036854771712\n", "1000\n", "", (None, 5000 * 1024)),
    ],
)
def test_available_memory_heeds_the_limit_of_a_container(
    tmp_path: Path, limit: str, current: str, stat: str, expected: tuple[int | None, int]
) -> None:
    base = "/sys/fs/cgroup/memory"
    cgroup = {f"{base}.max": limit, f"{base}.current": current, f"{base}.stat": stat}
    memory = linux.memory(files(tmp_path, dict(cgroup)))
    assert (memory["mem_limit_bytes"], memory["mem_available_bytes"]) == expected


@pytest.mark.parametrize(
    ("path", "key", "garbage"),
    [
        ("/proc/meminfo", "mem_total_bytes", "MemTotal: many kB\n"),
        ("/proc/meminfo", "mem_available_bytes", "MemAvailable: -5 kB\n"),
        ("/proc/loadavg", "load1", "nan"),
        ("/proc/uptime", "uptime_s", "inf"),
        ("/proc/stat", "cpu_time_s", "cpu  1 2\n"),
        ("/sys/class/power_supply/BAT0/capacity", "battery", "250\n"),
        ("/sys/class/power_supply/BAT0/status", "charge", "Unknown\n"),
    ],
)
def test_a_value_that_makes_no_sense_is_null(tmp_path: Path, path: str, key: str, garbage: str) -> None:
    assert linux.state(files(tmp_path, {path: garbage})).get(key) is None
    assert linux.facts(files(tmp_path, {path: garbage})).get(key) is None


def test_no_content_of_any_file_stops_it(tmp_path: Path) -> None:
    source = random.Random(7)
    for round_ in range(40):
        noise: dict[str, str | bytes] = {
            path: source.choice(
                [
                    b"",
                    b"\x00" * 50,
                    source.randbytes(200),
                    b"9" * 500,
                    b"cpu  " + b"9" * 90,
                    b"-1\n" * 9,
                    b":\n" * 50,
                ]
            )
            for path in fake_root.FILES
        }
        found = files(tmp_path / str(round_), noise)
        linux.facts(found)
        linux.state(found)


def test_files_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "large").write_bytes(b"1" * ((4 << 20) + 1))
    local = LocalFiles(tmp_path)
    assert [local.read(path) for path in ("/folder", "/missing", "/large", "/\0")] == [None] * 4
    assert local.names("/missing") == []
