"""What a Mac's own programs print, in the form they have, and in forms that they should not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.devices.readings import macos, macos_power
from lab.devices.readings.macos_features import EVERY_APPLE_M, LINUX_NAMES, features
from lab.devices.readings.system_log import telling_lines
from lab.devices.remote.device import RemoteDevice
from lab.measure.share import default_threads
from lab.ondevice.build import SOURCES
from tests.devices.peers.mac import SAYS, MacTools
from tests.devices.shell_link import ShellLink, shell_device

NOW_S = 1_700_003_600
CASES = Path(__file__).resolve().parents[1] / "cases" / "devices"


def says(name: str) -> str:
    return (SAYS / name).read_text()


@pytest.fixture
def tools(tmp_path: Path) -> MacTools:
    return MacTools(tmp_path / "bin")


@pytest.fixture
def mac(tmp_path: Path, tools: MacTools) -> Iterator[RemoteDevice]:
    device = shell_device(tmp_path / "work", ShellLink(str(tools.folder)))
    yield device
    device.close()
    assert tools.asked_for_proc == ""


def test_facts_are_those_of_the_mac_and_not_of_this_machine(mac: RemoteDevice) -> None:
    facts = mac.facts()
    assert {key: facts[key] for key in ("cpu_model", "arch", "board", "os", "kernel", "virtual", "gpu")} == {
        "cpu_model": "Apple M3",
        "arch": "aarch64",
        "board": "Mac15,3",
        "os": "macOS 14.6.1 (23G93)",
        "kernel": "23.6.0",
        "virtual": False,
        "gpu": {"name": "Apple M3", "cores": 10},
    }
    assert (facts["cores"], facts["cores_fast"], facts["cores_slow"]) == (4, 4, 4)
    assert facts["mem_total_bytes"] == 16 << 30
    assert (facts["low_power_mode"], facts["locked_on_device"]) == (False, True)
    assert {"asimddp", "i8mm", "bf16", "asimdfhm", "fphp"} <= set(facts["cpu_flags"])
    assert not {"sve", "sme", "wfxt"} & set(facts["cpu_flags"])
    assert mac.serial == "mac-56f74699-cb04-41ae-87ee-28bc498f1832"


def test_state_is_that_of_the_mac(mac: RemoteDevice) -> None:
    state = mac.state()
    assert (state["busy_fraction"], state["steal_fraction"], state["load1"]) == (0.08, None, 2.1)
    assert state["mem_available_bytes"] == (45231 + 12345 + 290521 + 3456) * 16384
    assert (state["swap_total_bytes"], state["swap_used_bytes"]) == (2048 << 20, int(1024.5 * 2**20))
    assert (state["power_source"], state["battery"], state["charge"]) == ("battery", 0.97, "discharging")
    assert (state["thermal_pressure"], state["speed_limit"], state["battery_temp_c"]) == ("nominal", None, 30.45)
    assert state["power_w"] == round(1.0 * 11.586, 3)
    assert (state["die_temp_c"], state["cpu_mhz"], state["low_power_mode"]) == (None, None, False)


def test_without_a_window_nobody_waits_and_the_load_is_unknown(mac: RemoteDevice) -> None:
    state = mac.state(window_s=0)
    assert (state["busy_fraction"], state["load1"]) == (None, 2.1)


def test_the_questions_go_to_the_slow_cores_and_the_model_does_not(mac: RemoteDevice, tools: MacTools) -> None:
    mac.run(["true"], timeout_s=10)
    assert tools.in_background == []
    mac.state(window_s=0)
    (pid,) = tools.in_background
    assert pid.isdecimal()


def test_the_log_names_what_killed_the_runner(mac: RemoteDevice) -> None:
    (line,) = mac.forensics()
    assert "killing process 4711 [lab-bench]" in line


def test_a_crash_report_tells_something() -> None:
    report = '  "exception" : {"codes":"0x1","type":"EXC_BAD_ACCESS","signal":"SIGSEGV"},\n  "usedImages" : [\n'
    assert telling_lines(report) == ['"exception" : {"codes":"0x1","type":"EXC_BAD_ACCESS","signal":"SIGSEGV"},']


@pytest.mark.parametrize(
    ("name", "source", "battery", "charge"),
    [
        ("batt_ac", "ac", 1.0, "full"),
        ("batt_battery", "battery", 0.97, "discharging"),
        ("batt_held", "ac", 0.8, "full"),
        ("batt_none", "ac", None, None),
    ],
)
def test_battery(name: str, source: str, battery: float | None, charge: str | None) -> None:
    assert macos_power.battery(says(name)) == {"power_source": source, "battery": battery, "charge": charge}


def test_a_battery_that_starts_to_charge() -> None:
    text = says("batt_battery").replace("discharging; (no estimate)", "charging; 1:02 remaining")
    assert macos_power.battery(text)["charge"] == "charging"


def test_watts_are_those_out_of_the_battery() -> None:
    found = macos_power.power(says("smart_battery"), NOW_S)
    assert found == {"power_w": 11.586, "power_age_s": 20, "battery_temp_c": 30.45}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"ExternalConnected" = No', '"ExternalConnected" = Yes'),
        ("18446744073709550616", "1000"),
        ("18446744073709550616", "65000"),
        ("18446744073709550616", "18446744073709500000"),
        ('"Voltage" = 11586', '"Voltage" = 0'),
        ('"Voltage" = 11586', '"Voltage" = 900000'),
        ('"Voltage" = 11586', '"Voltage" = $(id)'),
        ('      "Voltage" = 11586\n', ""),
    ],
)
def test_watts_that_cannot_be_told_are_null(old: str, new: str) -> None:
    text = says("smart_battery")
    assert old in text
    assert macos_power.power(text.replace(old, new), NOW_S)["power_w"] is None


def test_a_signed_current_and_the_mean_one_do_too() -> None:
    text = says("smart_battery").replace("18446744073709550616", "-1000")
    assert macos_power.power(text, NOW_S)["power_w"] == 11.586
    text = "\n".join(line for line in says("smart_battery").splitlines() if "InstantAmperage" not in line)
    assert macos_power.power(text, NOW_S)["power_w"] == round(1.889 * 11.586, 3)


@pytest.mark.parametrize(
    ("now_s", "age_s"), [(NOW_S, 20), (None, None), (1_700_003_000, None), (NOW_S + 100_000, None)]
)
def test_the_age_of_a_reading(now_s: int | None, age_s: int | None) -> None:
    assert macos_power.power(says("smart_battery"), now_s)["power_age_s"] == age_s


def test_heat() -> None:
    quiet = macos_power.heat(says("therm_quiet"), says("pressure"))
    assert quiet == {"speed_limit": None, "thermal_pressure": "nominal"}
    hot = macos_power.heat(says("therm_limited"), says("pressure").replace(" 0", " 2"))
    assert hot == {"speed_limit": 0.35, "thermal_pressure": "heavy"}
    for text in ("", "com.apple.system.thermalpressurelevel 9\n", "notify_register failed\n"):
        assert macos_power.heat(text, text) == {"speed_limit": None, "thermal_pressure": None}


@pytest.mark.parametrize(
    ("line", "mode"), [("lowpowermode 1", True), ("powermode            2", False), ("powermode 1", True), ("", None)]
)
def test_low_power_mode(line: str, mode: bool | None) -> None:
    text = says("settings").replace("lowpowermode         0", line)
    assert macos_power.low_power_mode(text) is mode


@pytest.mark.parametrize(
    "text",
    [
        "",
        "iostat: command not found\n",
        "       cpu\n us sy id   1m   5m   15m\n 12  4 84  2.10 1.95 1.80\n",
        says("iostat").replace(" 92 ", " 999 "),
        says("iostat").replace("  5  3 92", "  x  y zz"),
        says("iostat").replace("5  3 92", "0  0  0"),
    ],
)
def test_a_load_that_cannot_be_told_is_null(text: str) -> None:
    assert macos.load(text)["busy_fraction"] is None


def test_the_load_stands_behind_the_disks() -> None:
    text = "       disk0       cpu    load average\n    KB/t  tps  MB/s  us sy id   1m   5m   15m\n"
    rows = "   20.15   32  0.63  12  4 84  2.10 1.95 1.80\n    0.00    0  0.00  95  5  0  2.10 1.95 1.80\n"
    assert macos.load(text + rows)["busy_fraction"] == 1.0


HOSTILE = [
    "",
    "\x1b[31m" * 50,
    f"{macos.MARK}\n" * 100,
    "hw.memsize: -1\nhw.perflevel0.physicalcpu: 99999999999999999999999\n",
    "hw.memsize: $(touch hacked)\nhw.model: \x1b]0;hacked\x07\nmachdep.cpu.brand_string: \x1b[31mred\n",
    "Pages free: x.\npage size of 0 bytes\n",
    '"gpu-core-count" = 99999999999\n"model" = "\x1b[31m"\n',
    "ProductVersion: \x1b[2J\n",
    "{ sec = 99999999999999999999 }\n",
    "\udcff\ufffd\n" * 1000,
    "9" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_device_says_breaks_reading_it(text: str) -> None:
    everywhere = f"\n{macos.MARK}\n".join([text] * 8)
    for found in (macos.facts(everywhere), macos.state(everywhere), macos.load(text), macos.facts(text)):
        assert all(word.isprintable() for word in _words(found))


def test_what_is_missing_is_null_and_no_error() -> None:
    assert {key for key, value in macos.facts("").items() if value not in (None, [])} == set()
    assert {key for key, value in macos.state("").items() if value not in (None, [])} == set()


def test_the_runner_and_lab_name_the_same_features() -> None:
    source = (SOURCES / "apple_cpu.cc").read_text()
    pairs = set(re.findall(r'\{"hw\.optional\.([\w.]+)", "(\w+)"\}', source))
    assert pairs == {(feature, name) for feature, names in LINUX_NAMES.items() for name in names}
    assert features("hw.optional.arm.FEAT_I8MM: 1\nhw.optional.arm.FEAT_BF16: 0\n") == ["i8mm"]
    every = re.search(r"kEveryAppleM\[\] = \{([^}]*)\}", source)
    assert every is not None
    assert tuple(re.findall(r'"(\w+)"', every[1])) == EVERY_APPLE_M


def answer_of(sysctl: str) -> str:
    """What the facts command prints of a Mac that says this: the optional ones are a command of their own."""
    optional = [line for line in sysctl.splitlines() if line.startswith("hw.optional")]
    return "\n".join([sysctl.rstrip("\n"), macos.MARK, *optional, ""])


def test_a_processor_of_macos_15_and_newer() -> None:
    """tests/cases/devices/mac_tahoe_sysctl.txt: AdvSIMD has another name there."""
    facts = macos.facts(answer_of((CASES / "mac_tahoe_sysctl.txt").read_text()))
    assert {"asimd", "fp", "crc32", "asimddp", "asimdhp", "i8mm", "bf16"} <= set(facts["cpu_flags"])
    assert "ssbs" not in facts["cpu_flags"]
    assert (facts["cores"], facts["cores_fast"], facts["cores_slow"]) == (4, 4, 6)


def test_a_processor_of_macos_11_has_what_every_one_has() -> None:
    old = "hw.optional.neon: 1\nhw.optional.neon_fp16: 1\nhw.optional.armv8_1_atomics: 1\nhw.optional.armv8_crc32: 1\n"
    named = macos.facts(answer_of(f"machdep.cpu.brand_string: Apple M1\n{old}"))["cpu_flags"]
    assert {"asimd", "asimddp", "fphp", "atomics", "crc32", "fp"} <= set(named)
    assert features(old, "VirtualApple") == ["asimd", "asimdhp", "atomics", "crc32", "fphp"]
    assert features("", "Apple M1") is None


@pytest.mark.parametrize(
    ("levels", "fast", "slow"),
    [
        ([(4, "Super"), (6, "Performance")], 10, 0),
        ([(4, "Performance"), (4, "Efficiency")], 4, 4),
        ([(2, "Super"), (4, "Performance"), (6, "Efficiency")], 6, 6),
        ([(8, "Performance")], 8, 0),
        ([(4, None), (4, None)], 4, 4),  # before macOS 13 they have no names
    ],
)
def test_slow_cores_are_those_named_efficiency(levels: list[tuple[int, str | None]], fast: int, slow: int) -> None:
    text = "".join(
        f"hw.perflevel{i}.physicalcpu: {count}\n" + (f"hw.perflevel{i}.name: {name}\n" if name else "")
        for i, (count, name) in enumerate(levels)
    )
    facts = macos.facts(answer_of(f"hw.ncpu: {sum(count for count, _ in levels)}\n{text}"))
    assert (facts["cores"], facts["cores_fast"], facts["cores_slow"]) == (fast, fast, slow)
    assert default_threads(facts) == fast


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
