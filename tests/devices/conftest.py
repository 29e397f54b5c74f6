from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.devices.base import Device
from tests.devices import kinds
from tests.devices.kinds import Kind, Maker

KINDS: dict[str, Maker] = {
    "local": kinds.local,
    "shell": kinds.shell,
    "ssh": kinds.ssh,
    "ssh-talking": kinds.ssh_talking,
    "mac-lockf": kinds.mac("lockf"),
    "mac-perl": kinds.mac("perl"),
    "phone-adb-shell": kinds.phone("adb-shell"),
    "phone-adb": kinds.phone("adb"),
    "machine-ssh": kinds.machine("ssh"),
    "machine-adb": kinds.machine("adb"),
}
SLOW = {"ssh-talking", "mac-perl", "phone-adb-shell", "phone-adb", "machine-ssh", "machine-adb"}  # variants, or boots


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what takes a `kind` on each, on those of the module's own `KINDS`, or on that of `--device` alone."""
    taken = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "kind" in metafunc.fixturenames and "kind" not in ",".join(map(str, taken)):
        chosen = metafunc.config.getoption("--device")
        names = [chosen] if chosen else list(getattr(metafunc.module, "KINDS", KINDS))
        marks = {name: [pytest.mark.slow] if name in SLOW else [] for name in names}
        params = [pytest.param(name, marks=marks[name], id=name) for name in names]
        metafunc.parametrize("kind", params, indirect=True, scope="module")


@pytest.fixture(scope="module")
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kind]:
    """Every kind of device in turn; a name that is none of ours is a target of the user's."""
    maker = KINDS.get(request.param) or kinds.of_target(request.param)
    with maker(tmp_path_factory.mktemp("device")) as found:
        yield found


@pytest.fixture
def device(kind: Kind) -> Iterator[Device]:
    """A device of that kind, closed at the end."""
    found = kind.open_again()
    yield found
    found.close()
