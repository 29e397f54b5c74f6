"""Files of /proc and /sys with anything in them: values or nothing, at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.devices.readings import linux, procfs
from lab.devices.readings.files import Files

CASES = Path("tests/cases/security")


class Same(Files):
    """Every file has the same text, and every folder the same names."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, path: str) -> str | None:
        return self.text

    def names(self, path: str) -> list[str]:
        return ["cpu0", "thermal_zone0", "hwmon0", "temp1_input", "BAT0", "x.mali"]


def test_more_fields_than_a_kernel_has_are_no_matter() -> None:
    text = (CASES / "proc-stat-13-fields.txt").read_text()
    time = procfs.cpu_time(text)
    assert time == procfs.CpuTime(busy_s=pytest.approx(5 * 1234.56), idle_s=2469.12, steal_s=1234.56)


@pytest.mark.parametrize(
    "text",
    [
        (CASES / "proc-stat-long-number.txt").read_text(),
        "cpu " + "1" * 19 + " 1 1 1",
        "cpu " + "1 " * 3,
        "cpu " + "123456 " * 7 + "x",
        "cpu " + "1" * 100_000,
        "cpu",
        "",
        "cpu ١ ١ ١ ١",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert procfs.cpu_time(text) is None


def test_a_line_of_any_length_takes_no_time() -> None:
    assert procfs.cpu_time("cpu " + "1 " * 1_000_000) is not None
    assert procfs.cpu_time("cpu " + "123456 " * 5 + "1" * 1_000_000) is None


WORDS = st.sampled_from(
    ["cpu", "processor", ":", "\n", "\n\n", "kB", "[x]", "MemTotal:", "9" * 30, "-1", "1e9", "nan", "0"]
)


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=30).map(" ".join)))
def test_any_text_gives_facts_and_state(text: str) -> None:
    files = Same(text)
    facts = linux.facts(files)
    assert facts["cores"] is None or facts["cores"] > 0
    assert set(linux.state(files)) >= {"load1", "cpu_time_s", "temps"}
