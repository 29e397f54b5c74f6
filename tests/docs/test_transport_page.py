"""docs/writing-a-transport.md: what it writes is a transport that keeps the contract of every device."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.devices.remote.device import RemoteDevice
from tests.devices import test_contract
from tests.devices.kinds import Kind
from tests.devices.shell_link import target

PAGE = (Path(__file__).parents[2] / "docs" / "writing-a-transport.md").read_text("utf-8")
CODE = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
CONTRACT = {
    name: promise
    for name, promise in vars(test_contract).items()
    if name.startswith("test_") and set(inspect.signature(promise).parameters) <= {"device", "kind", "tmp_path"}
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page's blocks define, after all of them were run in a folder of their own."""
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        exec(compile(CODE, "docs/writing-a-transport.md", "exec"), names)
    return names


@pytest.fixture
def kind(written: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Kind:
    work_dir = tmp_path_factory.mktemp("device") / "work"
    return Kind("page", lambda: RemoteDevice(target(work_dir), written["ShellLink"]))


@pytest.fixture
def device(kind: Kind) -> Iterator[Any]:
    device = kind.open_again()
    yield device
    device.close()


@pytest.mark.parametrize("promise", CONTRACT.values(), ids=CONTRACT)
def test_the_link_of_the_page_keeps_the_contract(
    promise: Callable[..., None], device: Any, kind: Kind, tmp_path: Path
) -> None:
    given = {"device": device, "kind": kind, "tmp_path": tmp_path}
    promise(**{name: given[name] for name in inspect.signature(promise).parameters})


def test_the_contract_is_there() -> None:
    assert len(CONTRACT) > 20


def test_a_command_on_which_nothing_moves_is_told_from_one_that_is_slow(written: dict[str, Any]) -> None:
    link = written["ShellLink"]()
    slow = link.execute("for i in 1 2 3 4; do sleep 0.1; echo $i; done", timeout_s=30, stall_s=10)
    assert slow.stdout == b"1\n2\n3\n4\n"
    with pytest.raises(written["LinkTimeoutError"], match="nothing moved"):
        link.execute("sleep 60", timeout_s=30, stall_s=0.1)
    with pytest.raises(written["LinkTimeoutError"], match="no end"):
        link.execute("sleep 60", timeout_s=0.1)
    link.close()


def test_input_that_fails_is_an_error_of_the_caller(written: dict[str, Any]) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise KeyError("the file is gone")

    link = written["ShellLink"]()
    with pytest.raises(KeyError, match="the file is gone"):
        link.execute("cat", timeout_s=30, feed=broken())
    assert link.execute("head -c 1", timeout_s=30, feed=[b"x" * 100_000] * 20).stdout == b"x"
    link.close()
