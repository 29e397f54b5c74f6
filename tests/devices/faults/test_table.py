"""docs/faults.md names every fault test there is, and says how often each is tried."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.devices.faults import test_commands, test_full_disks, test_kills, test_pushes
from tests.devices.faults.ways import WAYS

FOLDER = Path(__file__).parent
TABLE = (FOLDER.parents[2] / "docs" / "faults.md").read_text("utf-8")
# A test that tries its fault otherwise than once on each way, or once.
TIMES = {
    "test_cut_anywhere_and_cut_again_while_it_goes_on": 2 * test_pushes.CUTS * len(WAYS),
    "test_a_runner_that_is_killed_is_a_row_and_the_session_goes_on": test_kills.KILLS,
    "test_a_host_that_is_killed_leaves_nothing_stuck_and_nothing_half": test_kills.KILLS,
    "test_a_device_that_cannot_be_used_is_on_record": len(test_commands.REASONS),
    "test_a_disk_that_fills_up_keeps_what_has_arrived": len(test_full_disks.DISKS),
    "test_an_adb_server_that_is_killed": 1,
}


def told() -> Counter[str]:
    """The times that the table says, by test."""
    found: Counter[str] = Counter()
    for line in TABLE.splitlines():
        if row := re.fullmatch(r"\|.*\| `(test_\w+)` \| (\d+) \|", line):
            found[row[1]] += int(row[2])
    return found


def true() -> Counter[str]:
    """The times that the tests say."""
    files = [path for path in FOLDER.glob("test_*.py") if path != Path(__file__)]
    found = {name: path.stem for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)}
    on_each_way = ("test_pushes", "test_sessions")
    return Counter({name: TIMES.get(name, len(WAYS) if stem in on_each_way else 1) for name, stem in found.items()})


def test_the_table_is_complete_and_its_counts_are_true() -> None:
    assert told() == true()
