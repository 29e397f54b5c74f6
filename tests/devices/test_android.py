"""What Android tells, from texts in its own forms; junk gives null and never an error."""

from __future__ import annotations

from typing import Any

import pytest

from lab.devices.readings import android
from lab.devices.readings.android import MARK, facts, over

PROPERTIES = """[ro.product.manufacturer]: [Google]
[ro.product.model]: [Pixel 8]
[ro.build.version.release]: [15]
[ro.build.version.sdk]: [35]
[ro.soc.model]: [Tensor G3]
[ro.serialno]: [28041FDH2000XY]
"""
BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: true
  status: 2
  level: 87
  scale: 100
  temperature: 285
"""
THERMAL = """IsStatusOverride: false
Thermal Status: 1
Cached temperatures:
	Temperature{mValue=99.0, mType=0, mName=OLD, mStatus=0}
HAL Ready: true
Current temperatures from HAL:
	Temperature{mValue=41.5, mType=0, mName=BIG, mStatus=0}
	Temperature{mValue=43.0, mType=1, mName=G3D, mStatus=0}
	Temperature{mValue=55.0, mType=3, mName=skin, mStatus=0}
"""
EMPTY: dict[str, Any] = {"temps": [], "die_temp_c": None, "die_zone": None, "battery": None, "charge": None}


def test_facts_name_the_phone_and_no_serial() -> None:
    found = facts(f"{PROPERTIES}{MARK}\n1\n{MARK}\n0\n{MARK}\nnull\n{MARK}\n120\n")
    assert found["os"] == "Android 15"
    assert found["android"] == {
        "manufacturer": "Google",
        "model": "Pixel 8",
        "os": "15",
        "sdk": "35",
        "soc": "Tensor G3",
        "platform": None,
        "fingerprint": None,
        "low_power": 1,
        "airplane_mode_on": 0,
        "stay_on_while_plugged_in": None,
        "screen_brightness": 120,
    }
    assert "28041" not in str(found)


def test_battery_and_heat_stand_in_for_files_that_are_refused() -> None:
    found = over(EMPTY, f"{BATTERY}{MARK}\n{THERMAL}")
    assert (found["battery"], found["charge"], found["battery_temp_c"]) == (0.87, "charging", 28.5)
    assert (found["die_temp_c"], found["die_zone"], found["thermal_status"]) == (43.0, "G3D", 1)
    assert [zone["type"] for zone in found["temps"]] == ["BIG", "G3D", "skin"]


def test_a_die_that_was_read_from_a_file_stays() -> None:
    found = over({**EMPTY, "die_temp_c": 60.0, "die_zone": "cpu-0"}, f"{BATTERY}{MARK}\n{THERMAL}")
    assert (found["die_temp_c"], found["die_zone"]) == (60.0, "cpu-0")


@pytest.mark.parametrize(
    ("status", "charge"),
    [("1", None), ("2", "charging"), ("3", "discharging"), ("4", "full"), ("5", "full"), ("x", None)],
)
def test_charge_has_three_values(status: str, charge: str | None) -> None:
    found = over(EMPTY, BATTERY.replace("status: 2", f"status: {status}") + MARK)
    assert found["charge"] == charge


@pytest.mark.parametrize(
    "junk",
    [
        "",
        MARK,
        "Can't find service: battery\n",
        "\x00\xff" * 1000,
        "  level: 900\n  scale: 100\n",
        "  level: 9\n  scale: 0\n",
    ],
)
def test_junk_is_not_measured(junk: str) -> None:
    found = over(EMPTY, junk)
    assert (found["battery"], found["die_temp_c"], found["temps"]) == (None, None, [])
    assert android.facts(junk)["os"] is None
