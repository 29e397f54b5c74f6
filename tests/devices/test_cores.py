"""Which processors may be used, on how many cores they are, and which kinds of core there are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.devices.readings import cores, linux, sysfs
from lab.devices.readings.files import LocalFiles
from lab.measure.share import default_threads, share_words
from tests.devices import fake_root

CPU = "/sys/devices/system/cpu"


def machine(
    root: Path, cpus: range, mask: str, online: str, siblings: dict[int, str] | None = None, **more: str
) -> LocalFiles:
    changes: dict[str, str | bytes] = {"/proc/self/status": f"Name:\tlab\nCpus_allowed_list:\t{mask}\n"}
    changes[f"{CPU}/online"] = f"{online}\n"
    for cpu in cpus:
        changes[f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq"] = f"{1000 + cpu}000\n"
        changes[f"{CPU}/cpu{cpu}/cpufreq/scaling_governor"] = "performance\n" if cpu < 4 else "powersave\n"
        if siblings:
            changes[f"{CPU}/cpu{cpu}/topology/thread_siblings_list"] = siblings[cpu] + "\n"
    return LocalFiles(fake_root.write(root, {**changes, **more}))


def test_clocks_and_governor_are_those_of_the_cores_that_are_there(tmp_path: Path) -> None:
    """Cores 4 and 5 are offline, as a Jetson's power mode puts them."""
    files = machine(tmp_path, range(4), "0-5", "0-3")
    state = linux.state(files)
    assert (state["cpu_mhz"], state["governor"]) == ([1000.0, 1001.0, 1002.0, 1003.0], "performance")
    assert linux.facts(files)["cores"] == 4


def test_a_program_that_is_tied_to_some_cores_is_told_of_those(tmp_path: Path) -> None:
    files = machine(tmp_path, range(8), "4-7", "0-7")
    state, facts = linux.state(files), linux.facts(files)
    assert (state["cpu_mhz"], state["governor"]) == ([1004.0, 1005.0, 1006.0, 1007.0], "powersave")
    assert (facts["cores"], facts["cpus"], facts["governor"]) == (4, "4-7", "powersave")


def test_clocks_of_cpuinfo_are_chosen_by_number(tmp_path: Path) -> None:
    none: dict[str, str | bytes] = {f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq": "" for cpu in (0, 1)}
    status = {"/proc/self/status": "Cpus_allowed_list:\t1\n"}
    assert linux.clocks(LocalFiles(fake_root.write(tmp_path, {**none, **status}))) == [2900.0]


@pytest.mark.parametrize(
    ("siblings", "mask", "found"),
    [
        ({cpu: f"{cpu % 4},{cpu % 4 + 4}" for cpu in range(8)}, "0-7", 4),  # two threads a core
        ({cpu: f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}" for cpu in range(8)}, "0-7", 4),  # numbered side by side
        ({cpu: f"{cpu % 4},{cpu % 4 + 4}" for cpu in range(8)}, "0-3", 4),  # one thread of each core
        ({cpu: f"{cpu % 4},{cpu % 4 + 4}" for cpu in range(8)}, "0,4,1", 2),
        ({cpu: str(cpu) for cpu in range(8)}, "0-7", 8),
    ],
)
def test_hardware_threads_of_one_core_are_one_core(
    tmp_path: Path, siblings: dict[int, str], mask: str, found: int
) -> None:
    facts = linux.facts(machine(tmp_path, range(8), mask, "0-7", siblings))
    assert facts["hardware_cores"] == found
    assert default_threads(facts) == found


def test_cores_of_a_hybrid_processor(tmp_path: Path) -> None:
    """Two fast cores with two threads each, four slow ones with one."""
    siblings = {0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3", **{cpu: str(cpu) for cpu in range(4, 8)}}
    kinds = {"/sys/devices/cpu_core/cpus": "0-3\n", "/sys/devices/cpu_atom/cpus": "4-7\n"}
    facts = linux.facts(machine(tmp_path, range(8), "0-7", "0-7", siblings, **kinds))
    assert (facts["cores"], facts["hardware_cores"], facts["cores_fast"], facts["cores_slow"]) == (8, 6, 2, 4)
    assert share_words(6, facts) == "6 threads on 6 cores (8 hardware threads, 4 of them slow, cpus 0-7)"


def test_cores_of_a_phone_have_a_capacity(tmp_path: Path) -> None:
    siblings = {cpu: str(cpu) for cpu in range(8)}
    sizes = {f"{CPU}/cpu{cpu}/cpu_capacity": "250\n" if cpu < 4 else "1024\n" for cpu in range(8)}
    facts = linux.facts(machine(tmp_path / "mixed", range(8), "0-7", "0-7", siblings, **sizes))
    assert (facts["cores_fast"], facts["cores_slow"]) == (4, 4)
    alike = linux.facts(machine(tmp_path / "alike", range(4), "0-3", "0-3", siblings, **sizes))
    assert (alike["cores_fast"], alike["cores_slow"]) == (None, None)


@pytest.mark.parametrize(
    ("facts", "threads"),
    [
        ({}, None),
        ({"cores": 8}, 8),
        ({"cores": 8, "hardware_cores": 4}, 4),
        ({"cores": 8, "hardware_cores": 4, "cpu_quota_cores": 2.5}, 2),
        ({"cores": 2, "cpu_quota_cores": 0.5}, 1),
        ({"cores": 2, "cpu_quota_cores": 16.0}, 2),
        ({"cpu_quota_cores": 2.0}, None),
    ],
)
def test_threads_that_nobody_named(facts: dict[str, Any], threads: int | None) -> None:
    assert default_threads(facts) == threads


@pytest.mark.parametrize("value", ["\x1b[31m", {}, [1], "8"])
def test_facts_of_a_record_are_not_believed_blindly(value: object) -> None:
    facts = dict.fromkeys(("cores", "hardware_cores", "cores_slow", "cpus", "cpu_quota_cores"), value)
    assert share_words(2, facts) == "2 threads"
    assert share_words(1, {**facts, "hardware_cores": 1}).startswith("1 thread on 1 core")


@given(st.sets(st.integers(0, 4095), min_size=1))
def test_a_list_of_processors_is_read_as_it_is_written(cpus: set[int]) -> None:
    ordered = tuple(sorted(cpus))
    assert cores.cpu_list(cores.listed(ordered)) == ordered


@given(st.text(max_size=60))
def test_no_text_is_a_list_by_accident(text: str) -> None:
    found = cores.cpu_list(text)
    assert found is None or cores.cpu_list(cores.listed(found)) == found


def test_this_machine_agrees_with_the_kernel_s_own_call() -> None:
    facts = linux.facts(LocalFiles())
    assert facts["cores"] == len(os.sched_getaffinity(0))
    assert cores.cpu_list(facts["cpus"]) == tuple(sorted(os.sched_getaffinity(0)))


def test_clocks_of_a_board_that_tells_no_mask(tmp_path: Path) -> None:
    """Six of eight cores are online, and only their folders have a clock."""
    clocks: dict[str, str | bytes] = {f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq": "" for cpu in (0, 1)}
    for cpu in (0, 1, 2, 3, 6, 7):
        clocks[f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq"] = f"{1500 + cpu}000\n"
    found = sysfs.clocks_mhz(LocalFiles(fake_root.write(tmp_path, clocks)))
    assert found == [1500.0, 1501.0, 1502.0, 1503.0, 1506.0, 1507.0]
