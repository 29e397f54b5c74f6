"""CPU quotas and memory limits of the own control group and of all above it, version 1 and 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.devices.readings import cgroups, linux
from lab.devices.readings.files import LocalFiles
from lab.devices.remote.snapshot import GROUPS_COMMAND, Snapshot, group_paths
from tests.devices import fake_root

V2 = "30 23 0:26 {root} {folder} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "32 31 0:29 {root} {folder} rw shared:9 - cgroup cgroup rw,{controllers}\n"
PROC = "/proc/self"


def files(root: Path, own: str, mounts: str, changes: dict[str, str]) -> LocalFiles:
    texts: dict[str, str | bytes] = {f"{PROC}/cgroup": own, f"{PROC}/mountinfo": mounts, **changes}
    return LocalFiles(fake_root.write(root, texts))


def test_a_quota_of_version_2_in_the_own_group(tmp_path: Path) -> None:
    base = "/sys/fs/cgroup/user.slice/run-1.scope"
    found = files(
        tmp_path,
        "0::/user.slice/run-1.scope\n",
        V2.format(root="/", folder="/sys/fs/cgroup"),
        {f"{base}/cpu.max": "50000 100000\n", f"{base}/cpu.stat": "usage_usec 5\nnr_periods 862\nnr_throttled 522\n"},
    )
    assert linux.facts(found)["cpu_quota_cores"] == 0.5
    assert linux.state(found)["cpu_quota"] == {"cores": 0.5, "periods": 862, "throttled_periods": 522}


def test_the_tightest_of_all_groups_above_counts(tmp_path: Path) -> None:
    changes = {
        "/sys/fs/cgroup/a.slice/cpu.max": "150000 100000\n",
        "/sys/fs/cgroup/a.slice/cpu.stat": "nr_periods 7\nnr_throttled 3\n",
        "/sys/fs/cgroup/a.slice/b.service/cpu.max": "max 100000\n",
        "/sys/fs/cgroup/cpu.max": "400000 100000\n",
    }
    found = files(tmp_path, "0::/a.slice/b.service\n", V2.format(root="/", folder="/sys/fs/cgroup"), changes)
    assert cgroups.cpu_quota(found) == {"cores": 1.5, "periods": 7, "throttled_periods": 3}


def test_a_container_of_docker_on_version_1(tmp_path: Path) -> None:
    """The path is the host's, and the mount shows the container's own group alone."""
    mounts = V1.format(root="/docker/0af", folder="/sys/fs/cgroup/cpu,cpuacct", controllers="cpu,cpuacct")
    base = "/sys/fs/cgroup/cpu,cpuacct"
    found = files(
        tmp_path,
        "11:cpu,cpuacct:/docker/0af\n1:name=systemd:/docker/0af\n",
        mounts,
        {f"{base}/cpu.cfs_quota_us": "250000\n", f"{base}/cpu.cfs_period_us": "100000\n"},
    )
    assert cgroups.cpu_quota(found) == {"cores": 2.5, "periods": None, "throttled_periods": None}


@pytest.mark.parametrize("own", ["0::/../../elsewhere\n", "0::/elsewhere/deep\n", "", "garbage\n"])
def test_a_group_outside_of_what_the_mount_shows_is_at_the_mount(tmp_path: Path, own: str) -> None:
    changes = {"/sys/fs/cgroup/cpu.max": "100000 100000\n"}
    found = files(tmp_path, own, V2.format(root="/kubepods/pod1", folder="/sys/fs/cgroup"), changes)
    assert (cgroups.cpu_quota(found) or {}).get("cores") == 1.0


def test_no_quota_is_none(tmp_path: Path) -> None:
    mounts = V1.format(root="/", folder="/sys/fs/cgroup/cpu", controllers="cpu")
    base = "/sys/fs/cgroup/cpu"
    changes = {f"{base}/cpu.cfs_quota_us": "-1\n", f"{base}/cpu.cfs_period_us": "100000\n"}
    found = files(tmp_path, "2:cpu:/\n", mounts, changes)
    assert (cgroups.cpu_quota(found), linux.facts(found)["cpu_quota_cores"]) == (None, None)


def test_the_memory_limit_of_a_slice(tmp_path: Path) -> None:
    """The root's files say nothing of it: systemd's MemoryMax of a slice above the own scope."""
    base = "/sys/fs/cgroup/limited.slice"
    changes = {
        f"{base}/memory.max": "4096000\n",
        f"{base}/memory.current": "2048000\n",
        f"{base}/memory.stat": "inactive_file 1024000\nactive_file 0\n",
        f"{base}/run.scope/memory.max": "max\n",
        f"{base}/run.scope/memory.current": "1000\n",
    }
    own, mounts = "0::/limited.slice/run.scope\n", V2.format(root="/", folder="/sys/fs/cgroup")
    memory = linux.memory(files(tmp_path, own, mounts, changes))
    assert (memory["mem_limit_bytes"], memory["mem_available_bytes"]) == (4096000, 3072000)


def test_paths_with_blanks_are_found_and_quoted_for_a_device(tmp_path: Path) -> None:
    answer = (
        f"{PROC}/cgroup:0::/it's a.slice\n{PROC}/mountinfo:"
        + V2.format(root="/", folder="/sys/fs/c\\040group").strip()
        + "\n"
    )
    assert cgroups.folders(Snapshot(answer), "cpu") == ["/sys/fs/c group/it's a.slice", "/sys/fs/c group"]
    assert "'/sys/fs/c group/cpu.max'" in group_paths(answer)


def test_the_command_for_a_device_asks_this_machine(tmp_path: Path) -> None:
    answer = subprocess.run(["sh", "-c", GROUPS_COMMAND], capture_output=True, text=True, check=True).stdout
    assert cgroups.folders(Snapshot(answer), "memory") == cgroups.folders(LocalFiles(), "memory")


@given(own=st.text(max_size=80), mounts=st.text(max_size=120), limit=st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_no_text_stops_it(own: str, mounts: str, limit: str) -> None:
    texts = {f"{PROC}/cgroup": own, f"{PROC}/mountinfo": mounts}

    class Texts:
        def read(self, path: str) -> str | None:
            return texts.get(path, limit)

        def names(self, folder: str) -> list[str]:
            return []

    cgroups.cpu_quota(Texts())
    cgroups.memory_limit(Texts())
    assert all(".." not in path.split("/") for path in cgroups.paths(Texts()))


@pytest.fixture
def little_cpu() -> Iterator[Path]:
    """A real control group with a twentieth of a CPU: less than a busy machine leaves. Where this user may make one."""
    one, two = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
    group = (one if one.is_dir() else two) / f"lab-test-{os.getpid()}"
    try:
        group.mkdir()
        names = ("cpu.cfs_quota_us", "5000") if one.is_dir() else ("cpu.max", "5000 100000")
        (group / names[0]).write_text(names[1])
    except OSError:
        if group.is_dir():
            group.rmdir()
        pytest.skip("this user may not make control groups with a quota here")
    yield group
    group.rmdir()


def test_a_real_quota_is_told_and_its_stops_are_counted(little_cpu: Path) -> None:
    code = (
        "import json, os, sys, time; from pathlib import Path;"
        "from lab.devices.readings import linux; from lab.devices.readings.files import LocalFiles;"
        "Path(sys.argv[1], 'cgroup.procs').write_text(str(os.getpid()));"
        "before = linux.state(LocalFiles())['cpu_quota'];"
        "end = time.process_time() + 0.02\n"
        "while time.process_time() < end: pass\n"
        "after = linux.state(LocalFiles())['cpu_quota'];"
        "print(json.dumps([linux.facts(LocalFiles())['cpu_quota_cores'], before, after]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(little_cpu)], capture_output=True, text=True, check=True)
    cores, before, after = json.loads(done.stdout)
    assert cores == after["cores"] == 0.05
    assert after["throttled_periods"] > before["throttled_periods"]
