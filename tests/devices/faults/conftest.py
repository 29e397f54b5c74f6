from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.devices.faults.command import Command, command_in
from tests.devices.faults.ways import WAYS, Way


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """Every way to a device, behind a proxy."""
    with WAYS[request.param](tmp_path_factory.mktemp("way")) as found:
        yield found


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """One home for all, so that each thing is built once."""
    return command_in(tmp_path_factory.mktemp("home"))
