"""A whole session on a device at the other end of a link, to be killed at any moment.

python -m tests.devices.faults.session FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from lab.devices.remote.device import RemoteDevice
from tests.devices.shell_link import ShellLink, target
from tests.measure.bench import Bench


def device(folder: Path) -> RemoteDevice:
    return RemoteDevice(target(folder / "work", "bench"), ShellLink, sleep=lambda seconds: None)


def main(folder: Path) -> None:
    bench = Bench(folder)
    bench.device = device(folder)  # type: ignore[assignment]
    record = bench.run(repeats=4)
    print(record.status)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
