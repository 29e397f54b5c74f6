"""Program binaries are kept, used, and never believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ondevice.opencl.conftest import Bench

pytestmark = pytest.mark.slow

USE_TWO = """
one, two = put(np.arange(256, dtype="float32")), empty((256,))
kernels["add"](one, two, 1.0)
kernels["scale"](two, one, 2.0)
out(right=bool((one.numpy() == 2 * (np.arange(256) + 1)).all()), stats=stats())
"""


def use(bench: Bench, folder: Path, **planted: bool | str) -> tuple[int, int]:
    """Run two kernels; how many programs were built, and how many came from the cache."""
    said = bench.run(USE_TWO, {"cache_dir": str(folder)}, **planted)
    assert said["right"]
    assert said["stats"]["build_ns"] > 0
    return said["stats"]["programs_built"], said["stats"]["programs_cached"]


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_the_second_process_builds_nothing(bench: Bench, tmp_path: Path) -> None:
    cache = tmp_path / "programs"
    assert use(bench, cache) == (2, 0)
    assert [path.suffix for path in entries(cache)] == [".clbin", ".clbin"]
    assert use(bench, cache) == (0, 2)
    # What a driver does not take any more is built again.
    assert use(bench, cache, no_binary=True) == (2, 0)


@pytest.fixture(scope="module")
def filled(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    assert use(bench, folder) == (2, 0)
    return folder


def damage(kind: str, whole: bytes, other: bytes) -> bytes:
    middle = len(whole) // 2
    ways: dict[str, Any] = {
        "empty": b"",
        "cut": whole[:middle],
        "longer": whole + b"x",
        "one bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "of another kernel": other,
        "no entry": b"\x7fELF" * 100,
    }
    return bytes(ways[kind])


@pytest.mark.parametrize("kind", ["empty", "cut", "longer", "one bit", "of another kernel", "no entry"])
def test_a_damaged_entry_is_built_again(bench: Bench, filled: Path, tmp_path: Path, kind: str) -> None:
    first, second = entries(filled)
    (tmp_path / second.name).write_bytes(second.read_bytes())
    bad = tmp_path / first.name
    bad.write_bytes(damage(kind, first.read_bytes(), second.read_bytes()))
    assert use(bench, tmp_path) == (1, 1)
    assert bad.stat().st_size > 1000
    assert len(entries(tmp_path)) == 2


def test_a_repaired_entry_is_used(bench: Bench, filled: Path, tmp_path: Path) -> None:
    for path in entries(filled):
        (tmp_path / path.name).write_bytes(path.read_bytes()[:-1])
    assert use(bench, tmp_path) == (2, 0)
    assert use(bench, tmp_path) == (0, 2)


def test_a_folder_that_cannot_be_used_is_an_error(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = bench.run("out()", {"cache_dir": str(tmp_path / "file" / "below")})
    assert said["opened"]["error"] == f"opencl: cache_dir {tmp_path}/file/below: cannot be used: Not a directory"
