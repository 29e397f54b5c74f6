"""Made-up manifests, targets and devices for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.devices.local import LocalDevice
from lab.devices.readings.files import LocalFiles
from lab.formats.bundle import file_entry, parse_manifest, write_manifest
from lab.formats.manifest import BundleManifest
from lab.formats.target import TargetSpec
from lab.formats.transports import DeviceSpec
from lab.measure.conditions.samplers import Clock
from tests.formats.samples import BUNDLE, KEY

TARGET = TargetSpec(schema=1, name="bench", description="", device=DeviceSpec(transport="local"))

# The sound bundle of tests/formats, of a whole model and with one file of weights.
MANIFEST: dict[str, Any] = {
    **BUNDLE,
    "created_at": "2026-01-02T03:04:05Z",
    "model": {
        **{key: value for key, value in BUNDLE["model"].items() if key not in ("layer_weights", "head_weights")},
        "label": "phi3-mini-q4",
        "layers": 32,
    },
    "target": {**BUNDLE["target"], "name": "bench", "isa": "avx2", "features": [], "required_features": []},
    "versions": {"lab": "0.1.0", "tvm": "0.27.0", "tvm_ffi": "0.1", "llvm": "22", "kernels": "k1"},
    "files": [{"name": "weights.bin", "size": 4096, "sha256": KEY}],
    "tensors": [],
    "memory": {"weights_bytes": 4096, "kv_bytes_per_token": 100, "workspace_bytes": None},
    "decode_weight_bytes_per_token": 3000,
    "verify": {"prompt_ids": [1, 2], "logit_ids": [3], "logits": [0.5], "rel_error_max": 0.05},
}


def manifest(**blocks: dict[str, Any]) -> BundleManifest:
    """Return the sample manifest with keys of some blocks changed: manifest(memory={"weights_bytes": 1})."""
    document = {**MANIFEST, **{name: {**MANIFEST[name], **changes} for name, changes in blocks.items()}}
    made: BundleManifest = parse_manifest(document, "bundle", where="sample")
    return made


def bundle(folder: Path, **blocks: dict[str, Any]) -> Path:
    """Write a bundle of 4096 bytes of weights into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.bin").write_bytes(b"\1" * 4096)
    (folder / "model.so").write_bytes(b"\2" * 10)
    files = (file_entry(folder / "weights.bin"), file_entry(folder / "model.so"))
    write_manifest(folder, replace(manifest(**blocks), files=files))
    return folder


class FakeTime:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.at_s = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.at_s += seconds
        self.slept.append(seconds)

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.at_s, sleep=self.sleep)


class ScriptedDevice(LocalDevice):
    """This machine, with facts and states made up; what it runs is real."""

    def __init__(
        self,
        states: Callable[[int], dict[str, Any]] | None = None,
        facts: dict[str, Any] | None = None,
        target: TargetSpec = TARGET,
    ) -> None:
        super().__init__(target, files=LocalFiles(Path("/nonexistent")))
        self.serial = f"test-device-{id(self)}"
        self.asked = 0
        self._states = states or (lambda count: QUIET)
        self._facts = {**FACTS, **(facts or {})}

    def facts(self) -> dict[str, Any]:
        return dict(self._facts)

    def state(self, *, window_s: float = 0.2) -> dict[str, Any]:
        if window_s == 0:
            return {**QUIET, "busy_fraction": None}
        self.asked += 1
        return dict(self._states(self.asked))


QUIET = {
    "busy_fraction": 0.02,
    "steal_fraction": 0.0,
    "die_temp_c": 50.0,
    "die_zone": "cpu-0",
    "cpu_mhz": [2000.0, 2000.0],
}
FACTS = {
    "cpu_model": "Example 9000",
    "cpu_flags": ["avx2", "fma"],
    "cores": 2,
    "mem_available_bytes": 8 << 30,
}
