"""`lab-bench stage`: the weights are whole in the page cache afterwards, and nothing of them changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab.ondevice.events import Staged, decode_line
from tests.ondevice.conftest import Bench, Stub


def staged(bench: Bench, folder: Path) -> Staged:
    event = decode_line(bench.call("stage", "--bundle", str(folder)).stdout.strip(), 1)
    assert isinstance(event, Staged)
    return event


def test_it_says_how_much_there_is_and_changes_nothing(bench: Bench, stub: Stub) -> None:
    weights = stub.folder / "weights.bin"
    before = hashlib.sha256(weights.read_bytes()).hexdigest()
    first, second = staged(bench, stub.folder), staged(bench, stub.folder)
    assert first.bytes == second.bytes == weights.stat().st_size
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == before
    for event in (first, second):
        assert event.huge_bytes is None or 0 <= event.huge_bytes <= event.bytes + (2 << 20)


def test_weights_that_are_not_what_the_manifest_says_are_an_error(bench: Bench, stub: Stub) -> None:
    weights = stub.folder / "weights.bin"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = bench.call("stage", "--bundle", str(stub.folder))
    assert done.code == 1
    assert "weights.bin" in done.stdout
