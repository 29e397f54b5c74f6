"""`lab probe` without its looks: build the runner, measure, store."""

from __future__ import annotations

from pathlib import Path

from lab.core.progress import Progress
from lab.devices.link import Access
from lab.devices.registry import open_device
from lab.formats.target import load_target, reached
from lab.jobs.build import Pipeline
from lab.jobs.interrupt import keeping
from lab.jobs.preflight import check_tools
from lab.measure.probe import probe
from lab.store import probes

NOTHING_STORED = "nothing was stored; the runner stays for the next time"


def probed(name: str, progress: Progress, address: str | None = None, access: Access | None = None) -> Path:
    """Measure the device of target `name` (reached at `address`) and return the file of the probe."""
    target = load_target(name)
    target = reached(target, address)
    check_tools(target, progress)
    device = open_device(target, access)
    try:
        runner = Pipeline(progress).runner(target)
        with keeping(NOTHING_STORED):
            record = probe(device, target, runner, progress)
        return probes.save(record)
    finally:
        device.close()
