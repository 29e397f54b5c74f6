"""The GPU's files in the forms that drivers give them; junk gives null and never an error."""

from __future__ import annotations

import pytest

from lab.devices.readings import android, gpus
from lab.devices.readings.android import MARK
from lab.devices.remote.snapshot import Snapshot

KGSL = "/sys/class/kgsl/kgsl-3d0"
MALI = "/sys/class/misc/mali0/device"
PIXEL = "/sys/devices/platform/1f000000.mali"
UNKNOWN = {"gpu_busy_fraction": None, "gpu_mhz": None}


def files(**texts: str) -> Snapshot:
    return Snapshot("".join(f"{path}:{line}\n" for path, text in texts.items() for line in text.splitlines()))


@pytest.mark.parametrize(
    ("path", "text", "name", "cores"),
    [
        (f"{KGSL}/gpu_model", "Adreno750v2", "Adreno750v2", None),
        (f"{MALI}/gpuinfo", "Mali-G715 7 cores r1p2 0xB0020000", "Mali-G715", 7),
        (f"{PIXEL}/gpuinfo", "Mali-G715 7 cores r1p2 0xB0020000", "Mali-G715", 7),
        (f"{MALI}/gpuinfo", "Mali-T860 MP4 4 cores r2p0 0x0860", "Mali-T860", 4),
    ],
)
def test_drivers_name_the_gpu(path: str, text: str, name: str, cores: int | None) -> None:
    assert gpus.facts(files(**{path: text})) == {"name": name, "cores": cores}


@pytest.mark.parametrize("text", ["", "\x1b[31mAdreno", "x" * 200, "Mali-G715", "0xdeadbeef\n\n"])
def test_what_names_no_gpu(text: str) -> None:
    assert gpus.facts(files(**{f"{MALI}/gpuinfo": text, f"{PIXEL}/gpuinfo": text})) is None


@pytest.mark.parametrize("text", ["", "\x1b[31mAdreno", "x" * 200, "/../etc", "a\nb"])
def test_what_is_no_name_of_an_adreno(text: str) -> None:
    assert gpus.facts(files(**{f"{KGSL}/gpu_model": text})) is None


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("GLES: ARM, Mali-G715, OpenGL ES 3.2 v1.r44p1-01eac0.2d55", "Mali-G715"),
        ("  GLES: Qualcomm, Adreno (TM) 750, OpenGL ES 3.2 V@0762.10", "Adreno (TM) 750"),
        ("GLES: Qualcomm, \x1b[31m, OpenGL ES 3.2", None),
        ("GLES: ", None),
        ("", None),
    ],
)
def test_the_display_names_it_where_files_are_refused(line: str, name: str | None) -> None:
    found = android.facts(MARK.join(["", "1\n", "1\n", "1\n", "1\n", f"\n{line}\n"]))["gpu"]
    assert found == (None if name is None else {"name": name, "cores": None})


@pytest.mark.parametrize(
    ("texts", "busy", "mhz"),
    [
        ({f"{KGSL}/gpubusy": "  41243  1000123", f"{KGSL}/gpuclk": "680000000"}, 41243 / 1000123, 680.0),
        ({f"{KGSL}/gpubusy": "0 0", f"{KGSL}/gpu_busy_percentage": "37 %"}, 0.37, None),
        ({f"{KGSL}/devfreq/cur_freq": "220000000"}, None, 220.0),
        ({f"{PIXEL}/utilization": "25", f"{PIXEL}/cur_freq": "302000"}, 0.25, 302.0),
        ({f"{MALI}/utilization": "100", f"{MALI}/cur_freq": "890000"}, 1.0, 890.0),
        ({f"{PIXEL}/devfreq/1f000000.mali/cur_freq": "400000000"}, None, 400.0),
    ],
)
def test_load_and_clock(texts: dict[str, str], busy: float | None, mhz: float | None) -> None:
    assert gpus.state(files(**texts)) == {"gpu_busy_fraction": busy, "gpu_mhz": mhz}


@pytest.mark.parametrize("text", ["", "-1", "101", "9" * 30, "busy", "5 4", "1 2 3", "\x00", "1e3"])
def test_junk_is_not_measured(text: str) -> None:
    paths = [f"{KGSL}/gpubusy", f"{KGSL}/gpuclk", f"{PIXEL}/cur_freq"]
    assert gpus.state(files(**dict.fromkeys(paths, text))) == UNKNOWN
