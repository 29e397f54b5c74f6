"""Thermal zones in every unit, and zones that are none; docs: the kernel's own unit is a thousandth of a degree."""

from __future__ import annotations

import pytest

from lab.devices.readings import sysfs


class Texts:
    """Files by their path."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def names(self, folder: str) -> list[str]:
        prefix = folder.rstrip("/") + "/"
        return sorted({path[len(prefix) :].split("/")[0] for path in self.files if path.startswith(prefix)})


def zones(*pairs: tuple[str, str]) -> Texts:
    base = "/sys/class/thermal/thermal_zone"
    types = {f"{base}{i}/type": f"{kind}\n" for i, (kind, _) in enumerate(pairs)}
    return Texts({**types, **{f"{base}{i}/temp": f"{text}\n" for i, (_, text) in enumerate(pairs)}})


def die(*pairs: tuple[str, str]) -> tuple[float | None, str | None]:
    return sysfs.die_temperature(sysfs.temperatures(zones(*pairs)))


@pytest.mark.parametrize(
    ("text", "celsius"),
    [
        ("65", 65.0), ("105", 105.0), ("1", 1.0), ("65.5", 65.5),  # whole degrees: Allwinner's own kernels
        ("450", 45.0), ("1051", 105.1), ("213", 21.3),  # tenths: Qualcomm's of some years
        ("65000", 65.0), ("105500", 105.5), ("9000", 9.0), ("-5000", -5.0),  # thousandths
        ("0", None), ("200000", None), ("-274000", None), ("2147483647", None), ("-127000", None), ("", None),
    ],
)  # fmt: skip
def test_a_zone_is_read_in_the_unit_that_its_size_tells(text: str, celsius: float | None) -> None:
    assert die(("cpu_thermal", text)) == (celsius, None if celsius is None else "cpu_thermal")


def test_qualcomms_soc_is_the_batterys_charge() -> None:
    assert die(("soc", "85"), ("battery", "31000")) == (None, None)
    (soc, battery) = sysfs.temperatures(zones(("soc", "85"), ("battery", "31000")))
    assert (soc["temp_c"], battery["temp_c"]) == (None, 31.0)


@pytest.mark.parametrize(
    "kind", ["soc", "socd", "battery", "bms", "BMS", "battery-soc", "vbat", "ibat-high", "pmi632-bcl-lvl0", "usb-icl"]
)
def test_what_is_of_the_battery_is_no_die(kind: str) -> None:
    assert die((kind, "90")) == (None, None)
    assert die((kind, "90"), ("cpu-0-0-usr", "41000")) == (41.0, "cpu-0-0-usr")


@pytest.mark.parametrize(
    "kind", ["soc", "soc-thermal", "soc_thermal", "SOC0-therm", "cpu-thermal", "BIG", "x86_pkg_temp"]
)
def test_a_chip_called_soc_is_a_die(kind: str) -> None:
    assert die((kind, "52300")) == (52.3, kind)


def test_qualcomms_older_sensors_are_on_the_die_and_in_whole_degrees() -> None:
    assert die(("tsens_tz_sensor0", "45"), ("tsens_tz_sensor5", "52"), ("pm8994_tz", "37000")) == (
        52.0,
        "tsens_tz_sensor5",
    )


def test_a_monitor_that_shows_a_zone_has_its_unit_and_others_have_the_kernels() -> None:
    texts = zones(("cpu-thermal", "65"))
    monitors = {"hwmon0": ("cpu_thermal", "65"), "hwmon1": ("k10temp", "48625"), "hwmon2": ("coretemp", "85")}
    for monitor, (name, value) in monitors.items():
        base = f"/sys/class/hwmon/{monitor}"
        texts.files |= {f"{base}/name": f"{name}\n", f"{base}/temp1_input": f"{value}\n"}
    found = {one["type"]: one["temp_c"] for one in sysfs.temperatures(texts)}
    assert found == {"cpu-thermal": 65.0, "cpu_thermal": 65.0, "k10temp": 48.625, "coretemp": 0.085}
