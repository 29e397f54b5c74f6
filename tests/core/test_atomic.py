from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.core import disk
from lab.core.atomic import publish_dir, staging_dir, sweep_stale, write_bytes, write_json, write_text
from lab.core.errors import ConfigError, LabError
from lab.core.home import lab_home
from tests.formats.samples import leftovers, whole_files


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that nobody but root may enter: where root cloned lab, for who became another user."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0)
    yield place
    place.rmdir()


# A process that opens a staging folder, says so, and waits to be killed.
HOLDER = """
import sys, time
from pathlib import Path
from lab.core.atomic import staging_dir
with staging_dir(Path(sys.argv[1]), "held") as folder:
    (folder / "weights.bin").write_bytes(b"half")
    print("ready", flush=True)
    time.sleep(60)
"""


def start_holder(folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "x.json"
    write_json(path, {"b": 1, "a": "ü"})
    write_json(path, {"b": 2, "a": "ü"})
    assert json.loads(path.read_text("utf-8")) == {"b": 2, "a": "ü"}
    assert "ü" in path.read_text("utf-8")
    assert leftovers(tmp_path) == []


def test_the_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "x")
    (tmp_path / "plain").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_is_not_json_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, [1])
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, [float("nan")])
    assert json.loads(path.read_text()) == [1]


@pytest.mark.parametrize("problem", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_any_interruption_keeps_the_old_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: type[BaseException]
) -> None:
    path = tmp_path / "x"
    write_text(path, "old")

    def interrupted(handle: int) -> None:
        raise problem

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(problem):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_a_full_disk_says_what_is_needed_and_keeps_the_old_file(tiny_disk: Path) -> None:
    path = tiny_disk / "x"
    path.write_bytes(b"old")
    with pytest.raises(LabError, match=r"x: the disk is full: 195\.3 KiB needed, .* free") as caught:
        write_bytes(path, b"n" * 200_000)
    assert "lab clean" in str(caught.value.hint)
    assert path.read_bytes() == b"old"
    assert leftovers(tiny_disk) == []


def test_a_full_disk_in_a_staging_folder_leaves_nothing(tiny_disk: Path) -> None:
    def fill() -> None:
        with staging_dir(tiny_disk, "bundle") as folder, (folder / "weights.bin").open("wb") as out:
            out.write(b"w" * 200_000)
            out.flush()
            os.fsync(out.fileno())

    with pytest.raises(LabError, match=r"bundle: the disk is full: .* free"):
        fill()
    assert list(tiny_disk.iterdir()) == []


@pytest.mark.parametrize(("inside", "is_ours"), [("profiles/x", True), ("accepted.toml", True), ("report.html", False)])
def test_lab_home_is_a_remedy_only_for_what_lies_in_it(
    inside: str, is_ours: bool, read_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(read_only))
    with pytest.raises(LabError) as caught:
        write_text(read_only / inside, "new")
    assert ("LAB_HOME" in str(caught.value.hint)) is is_ours


def test_a_read_only_folder_is_named(read_only: Path) -> None:
    with pytest.raises(LabError, match=rf"{read_only}/x: cannot write here: Permission denied") as caught:
        write_text(read_only / "x", "new")
    assert str(caught.value.hint) == f"make {read_only} writable, or name a file in a folder that is"
    with pytest.raises(LabError, match="cannot write here"):
        write_text(read_only / "deeper" / "x", "new")
    with pytest.raises(LabError, match="cannot write here"), staging_dir(read_only, "bundle"):
        pytest.fail("the folder was made")
    assert [path.name for path in read_only.iterdir()] == ["kept"]


def test_a_working_folder_that_may_not_be_entered_leaves_the_error_as_it_is(
    closed: Path, read_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(closed / "home"))
    with pytest.raises(ConfigError, match=rf"^{closed}/home: Permission denied$"):
        lab_home()
    with pytest.raises(LabError, match=rf"{read_only}/x: cannot write here: Permission denied"):
        write_text(read_only / "x", "new")


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "compiled").touch()
    with pytest.raises(LabError, match="compiled/x: cannot write"):
        write_text(tmp_path / "compiled" / "x", "new")
    with pytest.raises(LabError, match="compiled/x: cannot write"), staging_dir(tmp_path / "compiled", "x"):
        pytest.fail("the folder was made")


def test_too_little_space_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free_bytes", lambda path: 1024**3)
    message = r"not enough disk for bundle: 2\.0 GiB needed, 1\.0 GiB free"
    with pytest.raises(LabError, match=message), staging_dir(tmp_path, "bundle", needed_bytes=2 * 1024**3):
        pytest.fail("the folder was made")
    assert list(tmp_path.iterdir()) == []
    with staging_dir(tmp_path, "bundle", needed_bytes=1024**3):
        pass


def test_free_bytes_are_those_of_the_disk_that_will_hold_it(tmp_path: Path) -> None:
    assert disk.free_bytes(tmp_path / "not" / "there" / "yet") > 0


@pytest.mark.parametrize("problem", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_a_staging_folder_is_gone_on_any_way_out(tmp_path: Path, problem: type[BaseException]) -> None:
    def work() -> None:
        with staging_dir(tmp_path / "compiled", "b") as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / "x").write_text("x")
            raise problem

    with pytest.raises(problem):
        work()
    assert list((tmp_path / "compiled").iterdir()) == []


def test_an_error_about_another_file_passes_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), staging_dir(tmp_path, "b"):
        (tmp_path / "elsewhere").read_bytes()
    with pytest.raises(PermissionError), staging_dir(tmp_path, "b"):
        raise PermissionError(13, "Permission denied", "/model/shard-1.safetensors")


def publish(parent: Path, name: str, content: str, *, whole: bool = True) -> Path:
    with staging_dir(parent, name) as folder:
        (folder / "model.so").write_text(content)
        if whole:
            (folder / "manifest.json").write_text("{}")
        return publish_dir(folder, parent / name)


def test_a_published_folder_appears_whole(tmp_path: Path) -> None:
    final = publish(tmp_path, "b", "one")
    assert final == tmp_path / "b"
    assert [path.name for path in whole_files(tmp_path)] == ["b", "manifest.json", "model.so"]
    assert leftovers(tmp_path) == []


def test_the_first_whole_folder_stays(tmp_path: Path) -> None:
    publish(tmp_path, "b", "one")
    publish(tmp_path, "b", "two")
    assert (tmp_path / "b" / "model.so").read_text() == "one"
    assert leftovers(tmp_path) == []


def test_a_folder_without_manifest_is_replaced(tmp_path: Path) -> None:
    publish(tmp_path, "b", "half", whole=False)
    publish(tmp_path, "b", "two")
    assert (tmp_path / "b" / "model.so").read_text() == "two"


def test_what_a_killed_process_left_is_swept_and_the_rest_is_not(tmp_path: Path) -> None:
    (tmp_path / ".gitkeep").touch()
    (tmp_path / "finished").mkdir()
    dead, alive = start_holder(tmp_path), start_holder(tmp_path)
    try:
        kill(dead)
        assert len(leftovers(tmp_path)) == 3
        swept = sweep_stale(tmp_path)
        assert [f"-{dead.pid}-" in path.name for path in swept] == [True]
        assert [f"-{alive.pid}-" in path.name for path in leftovers(tmp_path)] == [False, True]
        assert sweep_stale(tmp_path) == []
    finally:
        kill(alive)
    with staging_dir(tmp_path, "next"):
        assert len(leftovers(tmp_path)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitkeep", "finished"]


def test_our_own_work_in_progress_is_not_swept(tmp_path: Path) -> None:
    with staging_dir(tmp_path, "outer") as outer, staging_dir(tmp_path, "inner") as inner:
        assert sweep_stale(tmp_path) == []
        assert outer.is_dir()
        assert inner.is_dir()


def test_a_folder_that_is_not_there_has_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep_stale(tmp_path / "gone") == []
