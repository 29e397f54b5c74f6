"""OpenCL on arm64 from the bundle to the record: an emulated phone whose driver, PoCL, computes on its CPU."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from lab.core.progress import NullProgress
from lab.devices.registry import open_device
from lab.formats.run_record import TimesRecord
from lab.formats.target import load_target
from lab.formats.test import Test
from lab.jobs.build import Pipeline
from lab.measure.plan import plan_for
from lab.measure.runner.setup import RunnerSetup
from lab.measure.session import measure
from tests.compiled import share
from tests.devices import emulated
from tests.ondevice.real_bundle import bundle_for

pytestmark = pytest.mark.slow


@pytest.mark.timeout(1800)  # the emulated phone compiles each kernel itself, for seconds
def test_it_computes_the_right_thing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    emulated.image("phone-opencl")
    share(tmp_path)
    emulated.share_images(tmp_path)
    target = load_target("emulated-opencl")
    bundle, runner = bundle_for(tmp_path / "compiled", target), Pipeline(NullProgress()).runner(target)
    plan = plan_for(target, (Test(12, 3),), 2).changed(repeats=1, warmup_cap=0)
    with closing(open_device(target)) as device:
        record = measure(device, RunnerSetup(bundle, target, runner, NullProgress(), TimesRecord()), plan)
    (row,) = record.cells[0].repetitions
    assert (record.status, row.status) == ("ok", "ok")
    assert record.verify is not None
    assert record.verify.passed
    assert record.verify.rel_error is not None
    assert record.verify.rel_error < 1e-5
    assert row.gpu.launches_per_token == 7 * 2 + 2
    assert record.engine.effective is not None
    assert record.engine.effective.startswith("opencl pthread")
    assert record.device.emulated
